import HerdFrames
import HerdTransport
import NIOCore
import Testing

/// The bytes of a connection, however they are cut, paused and resumed.
@Suite struct FrameInputTests {
    @Test(arguments: [1, 2, 3, 7, 64, 1000, 65_536])
    func `frames come whole and in order, in pieces of any size`(size: Int) {
        var reader = Reader()
        let frames = (1...40 as ClosedRange<UInt64>).map { call in
            Frame(.request, call: call, method: "a/B", payload: [UInt8](repeating: 1, count: Int(call) * 97))
        }
        let bytes = frames.flatMap { $0.wireBytes() }
        for start in stride(from: 0, to: bytes.count, by: size) {
            reader.receive(Array(bytes[start..<min(start + size, bytes.count)]))
        }
        #expect(reader.calls == Array(1...40))
        #expect(reader.input.isEmpty)
    }

    @Test func `a pause holds back what comes after it, and what comes meanwhile`() {
        var reader = Reader()
        reader.pausesAfter = 2
        reader.receive((1...5).flatMap { Frame.request($0).wireBytes() })
        #expect(reader.calls == [1, 2])
        reader.input.keep(ByteBuffer(bytes: Frame.request(6).wireBytes() + [0, 0]))
        reader.pausesAfter = 4
        reader.resume()
        #expect(reader.calls == [1, 2, 3, 4])
        reader.pausesAfter = nil
        reader.resume()
        #expect(reader.calls == [1, 2, 3, 4, 5, 6])
        #expect(reader.input.isEmpty == false)
        reader.receive([0, 0])
        #expect(reader.input.isEmpty)
    }

    @Test func `a length over the limit is refused before its bytes come`() {
        var reader = Reader()
        reader.receive([0, 0x40])
        #expect(reader.error == nil)
        reader.receive([0, 1])
        #expect(reader.error == .tooLong(length: 4_194_305, limit: 4 << 20))
    }

    @Test func `what was held back is judged by the limit of when it is handled`() {
        var reader = Reader()
        reader.input.maximumFrameLength = 1_000
        let long = Frame(.request, call: 2, payload: [UInt8](repeating: 1, count: 2_000)).wireBytes()
        reader.pausesAfter = 1
        reader.receive(Frame.request(1).wireBytes() + long + Frame.request(3).wireBytes())
        #expect(reader.calls == [1] && reader.error == nil)
        reader.pausesAfter = nil
        reader.input.maximumFrameLength = 4 << 20
        reader.resume()
        #expect(reader.calls == [1, 2, 3] && reader.error == nil)
        reader.input.maximumFrameLength = 1_000
        reader.receive(long)
        #expect(reader.error == .tooLong(length: long.count - 4, limit: 1_000))
    }

    @Test func `memory is given back without losing an unfinished frame`() {
        var reader = Reader()
        let frame = Frame(.request, call: 9, payload: [UInt8](repeating: 2, count: 1 << 20)).wireBytes()
        reader.receive(Array(frame.dropLast(5)))
        reader.input.giveMemoryBack()
        #expect(reader.input.isEmpty == false)
        reader.receive(Array(frame.suffix(5)) + Frame.request(10).wireBytes().dropLast())
        reader.input.giveMemoryBack()
        reader.receive(Array(Frame.request(10).wireBytes().suffix(1)))
        #expect(reader.calls == [9, 10])
        #expect(reader.input.isEmpty)
    }

    @Test func `a byte at a time costs as much for a long frame as for short ones`() {
        // Quadratic work would make the second some hundred times the first.
        func time(_ frames: [Frame]) -> Duration {
            let bytes = frames.flatMap { $0.wireBytes() }
            var best = Duration.seconds(60)
            for _ in 0..<2 {
                var reader = Reader()
                let start = ContinuousClock.now
                for byte in bytes { reader.receive([byte]) }
                best = min(best, ContinuousClock.now - start)
                #expect(reader.calls.count == frames.count)
            }
            return best
        }
        let short = time((1...100).map { Frame(.request, call: $0, payload: [UInt8](repeating: 3, count: 500)) })
        let long = time([Frame(.request, call: 1, payload: [UInt8](repeating: 3, count: 50_000))])
        #expect(long < short * 10, "\(long) against \(short)")
    }
}

private struct Reader {
    var input = FrameInput(maximumFrameLength: 4 << 20)
    var calls: [UInt64] = []
    var error: FrameError?
    /// Stops after so many frames in all.
    var pausesAfter: Int?

    mutating func receive(_ bytes: [UInt8]) {
        take { input, handle in input.receive(ByteBuffer(bytes: bytes), handle) }
    }

    mutating func resume() {
        take { input, handle in input.resume(handle) }
    }

    private mutating func take(
        _ body: (inout FrameInput, (FrameView) -> FrameInput.Continuation) -> FrameInput.Outcome
    ) {
        var calls = calls
        let limit = pausesAfter ?? .max
        let outcome = body(&input) { frame in
            calls.append(frame.call)
            return calls.count >= limit ? .pause : .more
        }
        self.calls = calls
        if case .malformed(let error) = outcome { self.error = error }
    }
}
