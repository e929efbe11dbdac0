/// CRC-64/XZ: the ECMA-182 polynomial, reflected, eight bytes at a time by eight tables.
package struct CRC64: Sendable {
    /// The checksum of all that was added so far.
    package var value: UInt64 { ~register }

    private var register: UInt64 = ~0

    package init() {}

    /// Adds `bytes` to what is summed.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        var crc = register
        Self.tables.withUnsafeBufferPointer { table in
            var position = 0
            while position + 8 <= bytes.count {
                let word = crc ^ UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
                crc = 0
                for byte in 0..<8 {
                    crc ^= table[(7 - byte) << 8 | Int(truncatingIfNeeded: word >> UInt64(8 * byte)) & 0xFF]
                }
                position += 8
            }
            while position < bytes.count {
                crc = table[Int(truncatingIfNeeded: crc) & 0xFF ^ Int(bytes[position])] ^ crc >> 8
                position += 1
            }
        }
        register = crc
    }

    /// Table k holds what a byte contributes when k more bytes follow it.
    private static let tables: [UInt64] = {
        var tables: [UInt64] = []
        tables.reserveCapacity(8 * 256)
        for byte in UInt64(0)..<256 {
            var remainder = byte
            for _ in 0..<8 {
                remainder = remainder & 1 == 1 ? remainder >> 1 ^ 0xC96C_5795_D787_0F42 : remainder >> 1
            }
            tables.append(remainder)
        }
        for index in 256..<8 * 256 {
            let previous = tables[index - 256]
            tables.append(tables[Int(truncatingIfNeeded: previous) & 0xFF] ^ previous >> 8)
        }
        return tables
    }()
}
