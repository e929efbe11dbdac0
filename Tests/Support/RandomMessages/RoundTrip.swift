import CMessages
package import HerdMessages

/// What went wrong in a round trip.
package struct RoundTripFailure: Error, CustomStringConvertible {
    package let description: String
}

/// Sends random messages of a type through Swift and through protobuf-c alone, which must give the same bytes.
///
/// - Throws: ``RoundTripFailure`` or `MessageError` for the first that differs, naming its seed.
package func checkRoundTrips<M: GeneratedMessage>(of type: M.Type, seed: UInt64, count: Int) throws {
    for index in 0..<UInt64(count) {
        let allowsNaN = index % 4 == 0
        var wire = RandomWire(seed: seed &+ index, allowsNaN: allowsNaN)
        let bytes = wire.message(M.descriptor)
        let value = try M(packed: bytes)
        let packed = value.pack()
        let name = "\(M.fullName), seed \(seed &+ index)"
        guard packed == repacked(bytes, M.descriptor) else {
            throw RoundTripFailure(description: "\(name): Swift packs other bytes than protobuf-c")
        }
        guard try M(packed: packed).pack() == packed else {
            throw RoundTripFailure(description: "\(name): packing again gives other bytes")
        }
        guard try allowsNaN || M(packed: packed) == value else {
            throw RoundTripFailure(description: "\(name): the value that comes back differs")
        }
    }
}

/// What protobuf-c packs after unpacking `bytes`; empty if it cannot.
private func repacked(_ bytes: [UInt8], _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>) -> [UInt8] {
    guard let message = protobuf_c_message_unpack(descriptor, nil, bytes.count, bytes) else { return [] }
    defer { protobuf_c_message_free_unpacked(message, nil) }
    return [UInt8](unsafeUninitializedCapacity: protobuf_c_message_get_packed_size(message)) { buffer, count in
        count = buffer.isEmpty ? 0 : protobuf_c_message_pack(message, buffer.baseAddress)
    }
}
