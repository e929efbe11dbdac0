import Glibc

/// Random bits for decisions' ids, asked of the system 64 at a time.
struct RandomChecks {
    private var bits = [UInt32](repeating: 0, count: 64)
    private var left = 0

    mutating func next() -> UInt32 {
        if left == 0 {
            let size = bits.count * 4
            // It gives at most 256 bytes at once.
            let status = bits.withUnsafeMutableBytes { bytes in bytes.baseAddress.map { getentropy($0, size) } }
            guard status == 0 else { return UInt32.random(in: 0...UInt32.max) }
            left = bits.count
        }
        left -= 1
        return bits[left]
    }
}
