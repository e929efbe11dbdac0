import HerdFrames
import Testing

@Suite struct FrameDecoderTests {
    private static let frames = GoldenFrameTests.all.map(\.frame)
    private static let wire = frames.flatMap { $0.wireBytes() }

    @Test func `all frames at once`() throws {
        var stream = ByteStream()
        #expect(try stream.receive(Self.wire) == Self.frames)
        #expect(stream.rest.isEmpty)
    }

    @Test func `byte by byte`() throws {
        var stream = ByteStream()
        var decoded: [Frame] = []
        for byte in Self.wire { decoded += try stream.receive([byte]) }
        #expect(decoded == Self.frames)
        #expect(stream.rest.isEmpty)
    }

    @Test(arguments: [2, 3, 7, 64, 255])
    func `cut into pieces`(size: Int) throws {
        var stream = ByteStream()
        var decoded: [Frame] = []
        for start in stride(from: 0, to: Self.wire.count, by: size) {
            decoded += try stream.receive(Array(Self.wire[start..<min(start + size, Self.wire.count)]))
        }
        #expect(decoded == Self.frames)
    }

    @Test func `random frames at random cuts`() throws {
        let seed: UInt64 = 20_260_730
        print("FrameDecoderTests: seed \(seed)")
        var random = SeededRandom(seed: seed)
        for _ in 0..<200 {
            let frames = (0..<Int.random(in: 1...8, using: &random)).map { _ in random.frame() }
            let wire = frames.flatMap { $0.wireBytes() }
            var stream = ByteStream()
            var decoded: [Frame] = []
            var position = 0
            while position < wire.count {
                let end = min(wire.count, position + Int.random(in: 1...200, using: &random))
                decoded += try stream.receive(Array(wire[position..<end]))
                position = end
            }
            #expect(decoded == frames)
        }
    }

    @Test func `a length over the limit is refused before the frame comes`() {
        var stream = ByteStream(decoder: FrameDecoder(maximumLength: 1000))
        #expect(throws: FrameError.tooLong(length: 1001, limit: 1000)) {
            try stream.receive([0, 0, 0x03, 0xe9])
        }
        var longest = ByteStream()
        #expect(throws: FrameError.tooLong(length: Int(UInt32.max), limit: 4 << 20)) {
            try longest.receive([0xff, 0xff, 0xff, 0xff])
        }
    }

    @Test func `a length at the limit is waited for`() throws {
        var stream = ByteStream(decoder: FrameDecoder(maximumLength: 1000))
        #expect(try stream.receive([0, 0, 0x03, 0xe8]) == [])
    }

    @Test func `frames before a broken one are handed out`() {
        let wire = Frame(.ping).wireBytes() + [0, 0, 0, 1, 0x08]
        var stream = ByteStream()
        #expect(throws: FrameError.truncated) { try stream.receive(wire) }
        #expect(stream.decoded == [Frame(.ping)])
    }
}

/// Collects bytes and decodes from their front, as a connection does.
private struct ByteStream {
    var decoder = FrameDecoder()
    var rest: [UInt8] = []
    var decoded: [Frame] = []

    mutating func receive(_ bytes: [UInt8]) throws(FrameError) -> [Frame] {
        rest += bytes
        decoded = []
        while true {
            let next = rest.withUnsafeBytes { bytes in
                Result { () throws(FrameError) in try decoder.next(in: bytes).map { (Frame($0.frame), $0.size) } }
            }
            guard let (frame, size) = try next.get() else { return decoded }
            decoded.append(frame)
            rest.removeFirst(size)
        }
    }
}
