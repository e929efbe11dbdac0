import HerdFrames
import Testing

/// Frames as Python's protobuf 4.25.3 packs them (`SerializeToString(deterministic=True)`).
@Suite struct GoldenFrameTests {
    struct Golden: Sendable, CustomTestStringConvertible {
        var hex: String
        var frame: Frame

        var bytes: [UInt8] { [UInt8](hex: hex) }
        var testDescription: String { "\(frame.kind) of \(bytes.count) bytes" }
    }

    static let all = [
        Golden(
            hex: "080142190a0d617574686f72697a6174696f6e12084265617265722074420c0a06636c69656e741202c3a95001",
            frame: Frame(.hello, metadata: ["authorization": "Bearer t", "client": "é"], version: 1)),
        Golden(
            hex: "080210011a14686572642e76312e526f757465722f526f75746520a0cb98012a040a026869420a0a0674656e616e741200"
                + "42140a0b7472616365706172656e74120530302d303148ac02",
            frame: Frame(
                .request, call: 1, method: "herd.v1.Router/Route", timeoutMicroseconds: 2_500_000,
                payload: [0x0a, 2, 0x68, 0x69], metadata: ["tenant": "", "traceparent": "00-01"], credit: 300)),
        Golden(
            hex: "080310ffffffffffffffffff012ac801" + (0..<200).map { hexByte($0) }.joined(),
            frame: Frame(.message, call: .max, payload: [UInt8](0..<200))),
        Golden(
            hex: "0804108001300e3a077370c3a474657242100a0b6e6f742d73746172746564120131",
            frame: Frame(
                .end, call: 128, code: .unavailable, message: "später", metadata: ["not-started": "1"])),
        Golden(hex: "0806100748ffffffff0f", frame: Frame(.credit, call: 7, credit: .max)),
        Golden(hex: "080930093a01785001", frame: Frame(.goAway, code: .failedPrecondition, message: "x", version: 1)),
        Golden(hex: "08072a0470696e67", frame: Frame(.ping, payload: [UInt8]("ping".utf8))),
        Golden(hex: "", frame: Frame(.unspecified)),
    ]

    @Test(arguments: all)
    func `packs as protobuf does`(golden: Golden) {
        let bytes = golden.bytes
        let prefix = withUnsafeBytes(of: UInt32(bytes.count).bigEndian) { [UInt8]($0) }
        #expect(golden.frame.wireBytes() == prefix + bytes)
        #expect(golden.frame.packedSize(payloadCount: golden.frame.payload.count) == bytes.count)
    }

    @Test(arguments: all)
    func `unpacks what protobuf packs`(golden: Golden) throws {
        #expect(try Frame(packed: golden.bytes) == golden.frame)
    }
}
