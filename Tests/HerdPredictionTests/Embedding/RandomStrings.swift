/// Seeded random Unicode strings, drawn alike by `Scripts/embedding/random_strings.py`.
enum RandomStrings {
    static let seed: UInt64 = 0x4845_5244

    private static let ranges: [(low: UInt32, high: UInt32)] = [
        (0x21, 0x7E), (0x61, 0x7A), (0x61, 0x7A), (0x20, 0x20), (0x80, 0x24F), (0x300, 0x36F), (0x370, 0x58F),
        (0x590, 0x8FF), (0x900, 0xDFF), (0xE00, 0x1FFF), (0x2000, 0x2BFF), (0x3000, 0x33FF), (0x3400, 0x9FFF),
        (0xAC00, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x1FFFF), (0x1F300, 0x1FAFF), (0x20000, 0x3FFFF),
        (0xE0000, 0xE01FF), (0, 0x10FFFF), (0, 0xFFFF), (0, 0x20), (0x7F, 0xA0), (0x200B, 0x200F), (0xFE00, 0xFE0F),
        (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0xF900, 0xFAFF),
    ]
    private static let literals = ["[CLS]", "[SEP]", "[MASK]", "[UNK]", "[PAD]", "##", "[unused1]", "unaffable"]

    /// Up to 48 draws: runs of up to 8 from one range, a literal, or one code point up to 120 times.
    static func string(_ number: Int) -> String {
        var random = SplitMix64(state: seed + UInt64(number))
        var text = String.UnicodeScalarView()
        for _ in 0..<random.below(49) {
            let draw = Int(random.below(32))
            if draw < ranges.count {
                let (low, high) = ranges[draw]
                for _ in 0..<1 + random.below(8) {
                    text.append(scalar(low + random.below(high - low + 1)))
                }
            } else if draw < 31 {
                text.append(contentsOf: literals[Int(random.below(UInt32(literals.count)))].unicodeScalars)
            } else {
                let repeated = scalar(random.below(0x3000))
                text.append(contentsOf: repeatElement(repeated, count: 1 + Int(random.below(120))))
            }
        }
        return String(text)
    }

    private static func scalar(_ codePoint: UInt32) -> Unicode.Scalar { Unicode.Scalar(codePoint) ?? "\u{FFFD}" }
}

/// Steele, Lea, Flood 2014.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    mutating func below(_ bound: UInt32) -> UInt32 { UInt32(next() % UInt64(bound)) }
}
