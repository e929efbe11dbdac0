import CMessages
import CScratchMessages
import HerdJSON
import HerdMessages
import HerdReflection
import RandomMessages
import Testing

@Suite("Messages to JSON and back")
struct RoundTripTests {
    static let seed: UInt64 = 76_011

    @Test("Every wire message comes back as it was", arguments: allWireMessages.indices)
    func wire(index: Int) throws {
        try check(allWireMessages[index], count: 100)
    }

    private func check<M: GeneratedMessage>(_ type: M.Type, count: Int) throws {
        for seed in Self.seed..<Self.seed + UInt64(count) {
            var wire = RandomWire(seed: seed)
            let message = try M(packed: wire.message(M.descriptor))
            for onOneLine in [true, false] {
                let text = MessageJSON.text(of: message, onOneLine: onOneLine)
                let packed = try MessageJSON.packed(Array(text.utf8), as: M.self)
                #expect(packed == message.pack(), "\(M.fullName), seed \(seed): \(text)")
            }
        }
    }

    /// The scratch messages have every kind of field, maps of every key and NaN among them.
    @Test("Every kind of field comes back as it was")
    func scratch() throws {
        let descriptor = try #require(scratch__v1__everything__descriptor_address())
        for seed in Self.seed..<Self.seed + 100 {
            var wire = RandomWire(seed: seed, allowsNaN: true)
            let packed = wire.message(descriptor)
            let (json, expected) = try read(packed, descriptor)
            let node = try JSONNode(reading: Array(json.utf8))
            let again = try MessageJSON.packed(node, as: descriptor)
            let (text, bytes) = try read(again, descriptor)
            #expect(text == json, "seed \(seed)")
            #expect(bytes.count == expected.count, "seed \(seed)")
        }
    }

    /// The JSON and the bytes that protobuf-c makes of a packed message.
    private func read(
        _ packed: [UInt8], _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>
    ) throws -> (String, [UInt8]) {
        let message = try #require(protobuf_c_message_unpack(descriptor, nil, packed.count, packed))
        defer { protobuf_c_message_free_unpacked(message, nil) }
        var bytes = [UInt8](repeating: 0, count: protobuf_c_message_get_packed_size(message))
        protobuf_c_message_pack(message, &bytes)
        return (MessageJSON.node(of: UnsafePointer(message)).text(), bytes)
    }
}
