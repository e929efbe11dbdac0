import CMessages
import HerdMessages
import RandomMessages

extension FuzzTarget {
    /// One target for each message type of the wire.
    static let messages: [FuzzTarget] = allWireMessages.map { message($0) }

    /// Packed bytes of any type, which the first two bytes choose: what an attack on all of them together finds.
    static let anyMessage = FuzzTarget(name: "message") { bytes in
        guard bytes.count >= 2 else { return nil }
        let index = Int(bytes[0]) | Int(bytes[1]) << 8
        return messages[index % messages.count].run(UnsafeRawBufferPointer(rebasing: bytes[2...]))
    } seeds: {
        messages.indices.filter { $0 % 5 == 0 }.map { index in
            [UInt8(index & 0xFF), UInt8(index >> 8)] + (messages[index].seeds().first ?? [])
        }
    }

    /// Packed bytes of one type: refused with an error, or decoded to a value that packs to bytes which give it back.
    private static func message<M: GeneratedMessage>(_ type: M.Type) -> FuzzTarget {
        FuzzTarget(name: "message.\(M.fullName)") { bytes in
            guard let value = try? M(packed: bytes) else { return nil }
            let packed = value.pack()
            guard packed.count == value.packedSize else {
                return Violation("\(M.fullName) said it takes \(value.packedSize) bytes and takes \(packed.count)")
            }
            guard let again = try? M(packed: packed) else {
                return Violation("what \(M.fullName) packs is refused: \(packed)")
            }
            guard again.pack() == packed else {
                return Violation("\(M.fullName) packs to other bytes the second time: \(packed)")
            }
            return nil
        } seeds: {
            (0..<3).map { index in
                var wire = RandomWire(seed: UInt64(31 + index))
                return wire.message(M.descriptor, depth: 2)
            }
        }
    }
}
