import HerdFrames
import Testing

@Suite struct MalformedFrameTests {
    @Test(arguments: [
        ("08", FrameError.truncated),
        ("0880", .truncated),
        ("2a05aabb", .truncated),
        ("2affffffffffffffffff01", .truncated),
        ("08ffffffffffffffffffff01", .overlongInteger),
        ("0001", .invalidTag),
        ("0b", .invalidTag),
        ("0c", .invalidTag),
        ("0f00", .invalidTag),
        ("80808080808001", .invalidTag),
        ("0a00", .wrongWireType(field: "kind")),
        ("1001100215000000001800", .wrongWireType(field: "call")),
        ("1801", .wrongWireType(field: "method")),
        ("2900", .wrongWireType(field: "payload")),
        ("1a02c328", .invalidUTF8(field: "method")),
        ("1a03eda080", .invalidUTF8(field: "method")),
        ("3a02c080", .invalidUTF8(field: "message")),
        ("42040a02ffff", .invalidUTF8(field: "metadata")),
        ("42050a0141122041", .truncated),
        ("42020801", .wrongWireType(field: "metadata")),
    ])
    func `is refused`(hex: String, error: FrameError) {
        #expect(throws: error) { try Frame(packed: [UInt8](hex: hex)) }
    }

    @Test func `unknown fields of every layout are skipped`() throws {
        // 16: varint, 17: 64 bit, 18: text, 19: 32 bit, 536870911: varint; then call 5.
        let hex = "800196018901" + "0102030405060708" + "920103616263" + "9d0101020304" + "f8ffffff0f01" + "1005"
        #expect(try Frame(packed: [UInt8](hex: hex)) == Frame(.unspecified, call: 5))
    }

    @Test func `unknown fields of a pair are skipped, missing halves are empty`() throws {
        let frame = try Frame(packed: [UInt8](hex: "42080a0161120162" + "1801" + "4203120163"))
        #expect(frame.metadata == ["a": "b", "": "c"])
    }

    @Test func `of what comes twice the last counts`() throws {
        let frame = try Frame(
            packed: [UInt8](hex: "08011a0161" + "08021a0162" + "42060a016b120131" + "42060a016b120132"))
        #expect(frame == Frame(.request, method: "b", metadata: ["k": "2"]))
    }

    @Test func `integers over 32 bits lose their upper half, as in protobuf`() throws {
        #expect(try Frame(packed: [UInt8](hex: "0882808080f0ffffffff01")).kind == .request)
    }

    @Test func `kinds and codes of later versions are kept`() throws {
        let frame = try Frame(packed: [UInt8](hex: "086330c801"))
        #expect(frame.kind.rawValue == 99)
        #expect(frame.code.rawValue == 200)
        #expect(frame.code.description == "CODE_200")
    }

    @Test func `metadata beyond the limit is refused`() {
        let pair: [UInt8] = [0x42, 0]
        #expect(throws: Never.self) { try Frame(packed: Array(repeatElement(pair, count: 128).joined())) }
        #expect(throws: FrameError.tooMuchMetadata(limit: 128)) {
            try Frame(packed: Array(repeatElement(pair, count: 129).joined()))
        }
    }

    @Test func `a frame of nothing but fields is refused`() {
        // Field 16, a varint: two bytes of tag, one of value.
        let field: [UInt8] = [0x80, 0x01, 0]
        #expect(throws: Never.self) { try Frame(packed: Array(repeatElement(field, count: 1024).joined())) }
        #expect(throws: FrameError.tooManyFields(limit: 1024)) {
            try Frame(packed: Array(repeatElement(field, count: 1025).joined()))
        }
        let pair = Array(repeatElement([0x18, 0] as [UInt8], count: 1025).joined())
        #expect(throws: FrameError.tooManyFields(limit: 1024)) {
            try Frame(packed: [0x42, 0x82, 0x10] + pair)
        }
    }

    @Test func `random bytes never crash`() {
        let seed: UInt64 = 20_260_731
        print("MalformedFrameTests: seed \(seed)")
        var random = SeededRandom(seed: seed)
        var decoded = 0
        for _ in 0..<20_000 {
            var bytes = random.frame().wireBytes()
            bytes.removeFirst(4)
            for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: index)
                }
            }
            if (try? Frame(packed: bytes)) != nil { decoded += 1 }
        }
        // Most changes hit a payload or a text; what matters is to arrive here.
        #expect(decoded > 0)
    }

    @Test func `every error names the remedy and a code`() {
        let errors: [FrameError] = [
            .tooLong(length: 5, limit: 4), .truncated, .overlongInteger, .invalidTag, .wrongWireType(field: "kind"),
            .invalidUTF8(field: "method"), .tooMuchMetadata(limit: 128),
        ]
        for error in errors {
            #expect(error.description.contains(";"))
            #expect(error.code == .invalidArgument || error.code == .resourceExhausted)
        }
    }
}
