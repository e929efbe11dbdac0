/// One code point of UTF-8 at a time (Unicode, table 3-7).
enum UTF8Decoding {
    /// What stands for a byte that belongs to no well-formed sequence.
    static let replacement: UInt32 = 0xFFFD

    /// The code point at `position`, a valid index, and its length; the replacement and 1 where the text is ill-formed.
    static func codePoint(_ text: UnsafeBufferPointer<UInt8>, _ position: Int) -> (codePoint: UInt32, length: Int) {
        let first = text[position]
        let length: Int
        switch first {
        case 0..<0x80: return (UInt32(first), 1)
        case 0xC2...0xDF: length = 2
        case 0xE0...0xEF: length = 3
        case 0xF0...0xF4: length = 4
        default: return (replacement, 1)
        }
        guard length <= text.count - position else { return (replacement, 1) }
        var codePoint = UInt32(first) & (0x7F >> UInt32(length))
        for offset in 1..<length {
            let byte = text[position + offset]
            guard byte & 0xC0 == 0x80 else { return (replacement, 1) }
            codePoint = codePoint << 6 | UInt32(byte & 0x3F)
        }
        // Overlong forms, surrogates and what lies past the last code point.
        let isWellFormed =
            switch length {
            case 3: codePoint >= 0x800 && !(0xD800...0xDFFF ~= codePoint)
            case 4: codePoint >= 0x1_0000 && codePoint <= 0x10_FFFF
            default: true
            }
        return isWellFormed ? (codePoint, length) : (replacement, 1)
    }

    /// Writes a code point, at most 4 bytes, and returns how many.
    static func encode(_ codePoint: UInt32, to bytes: UnsafeMutablePointer<UInt8>) -> Int {
        func continuation(_ shift: UInt32) -> UInt8 { 0x80 | UInt8(truncatingIfNeeded: codePoint >> shift) & 0x3F }
        switch codePoint {
        case 0..<0x80:
            bytes[0] = UInt8(truncatingIfNeeded: codePoint)
            return 1
        case 0x80..<0x800:
            bytes[0] = 0xC0 | UInt8(truncatingIfNeeded: codePoint >> 6)
            bytes[1] = continuation(0)
            return 2
        case 0x800..<0x1_0000:
            bytes[0] = 0xE0 | UInt8(truncatingIfNeeded: codePoint >> 12)
            bytes[1] = continuation(6)
            bytes[2] = continuation(0)
            return 3
        default:
            bytes[0] = 0xF0 | UInt8(truncatingIfNeeded: codePoint >> 18)
            bytes[1] = continuation(12)
            bytes[2] = continuation(6)
            bytes[3] = continuation(0)
            return 4
        }
    }
}
