/// The key of a cached prediction: SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012) over tenant,
/// predictor version and text, under a key of the store's own, so that nobody outside can make two texts collide.
package enum Fingerprint {
    package static func of(
        tenant: String, predictorVersion: String, text: String, key: (UInt64, UInt64)
    ) -> UInt128 {
        var hash = base(tenant: tenant, predictorVersion: predictorVersion, key: key)
        hash.absorb(text)
        return hash.fingerprint()
    }

    /// The same before any text.
    static func base(tenant: String, predictorVersion: String, key: (UInt64, UInt64)) -> SipHash128 {
        var hash = SipHash128(key: key)
        // Lengths first, so that ("ab", "c") and ("a", "bc") differ.
        hash.absorb(length: tenant.utf8.count)
        hash.absorb(tenant)
        hash.absorb(length: predictorVersion.utf8.count)
        hash.absorb(predictorVersion)
        return hash
    }
}

/// SipHash-2-4-128 over a stream of bytes.
package struct SipHash128 {
    private var v0: UInt64
    private var v1: UInt64
    private var v2: UInt64
    private var v3: UInt64
    private var tail: UInt64 = 0
    private var tailBytes: UInt64 = 0
    private var length: UInt64 = 0

    package init(key: (UInt64, UInt64)) {
        v0 = key.0 ^ 0x736f_6d65_7073_6575
        v1 = key.1 ^ 0x646f_7261_6e64_6f6d ^ 0xee
        v2 = key.0 ^ 0x6c79_6765_6e65_7261
        v3 = key.1 ^ 0x7465_6462_7974_6573
    }

    package mutating func absorb(_ text: String) {
        var text = text
        text.withUTF8 { absorb(UnsafeRawBufferPointer($0)) }
    }

    package mutating func absorb(length value: Int) {
        withUnsafeBytes(of: UInt64(truncatingIfNeeded: value).littleEndian) { absorb($0) }
    }

    package mutating func absorb(_ bytes: UnsafeRawBufferPointer) {
        length &+= UInt64(bytes.count)
        var index = 0
        while tailBytes != 0, index < bytes.count {
            push(bytes[index])
            index += 1
        }
        if index + 8 <= bytes.count {
            // In a copy, which stays in registers.
            var state = self
            while index + 8 <= bytes.count {
                state.compress(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)))
                index += 8
            }
            self = state
        }
        while index < bytes.count {
            push(bytes[index])
            index += 1
        }
    }

    /// Finishes; both halves as one number.
    mutating func fingerprint() -> UInt128 {
        let (low, high) = finish()
        return UInt128(high) << 64 | UInt128(low)
    }

    package mutating func finish() -> (UInt64, UInt64) {
        compress(tail | (length << 56))
        v2 ^= 0xee
        for _ in 0..<4 { round() }
        let low = v0 ^ v1 ^ v2 ^ v3
        v1 ^= 0xdd
        for _ in 0..<4 { round() }
        return (low, v0 ^ v1 ^ v2 ^ v3)
    }

    private mutating func push(_ byte: UInt8) {
        tail |= UInt64(byte) << (8 * tailBytes)
        tailBytes += 1
        if tailBytes == 8 {
            compress(tail)
            tail = 0
            tailBytes = 0
        }
    }

    @inline(__always)
    private mutating func compress(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
    }

    @inline(__always)
    private mutating func round() {
        v0 = v0 &+ v1
        v1 = rotated(v1, 13) ^ v0
        v0 = rotated(v0, 32)
        v2 = v2 &+ v3
        v3 = rotated(v3, 16) ^ v2
        v0 = v0 &+ v3
        v3 = rotated(v3, 21) ^ v0
        v2 = v2 &+ v1
        v1 = rotated(v1, 17) ^ v2
        v2 = rotated(v2, 32)
    }

    @inline(__always)
    private func rotated(_ value: UInt64, _ by: UInt64) -> UInt64 {
        (value << by) | (value >> (64 - by))
    }
}
