import HerdFrames

/// Random numbers that a seed repeats (SplitMix64, Steele et al. 2014).
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// A frame with about half of its fields set.
    mutating func frame() -> Frame {
        var frame = Frame(Frame.Kind(rawValue: .random(in: 0...12, using: &self)))
        if Bool.random(using: &self) { frame.call = next() >> UInt64.random(in: 0...63, using: &self) }
        if Bool.random(using: &self) { frame.method = text(40) }
        if Bool.random(using: &self) { frame.timeoutMicroseconds = next() >> UInt64.random(in: 0...63, using: &self) }
        if Bool.random(using: &self) {
            frame.payload = (0..<Int.random(in: 0...300, using: &self)).map { _ in
                UInt8.random(in: 0...255, using: &self)
            }
        }
        if Bool.random(using: &self) { frame.code = StatusCode(rawValue: .random(in: 0...20, using: &self)) }
        if Bool.random(using: &self) { frame.message = text(20) }
        for _ in 0..<Int.random(in: 0...3, using: &self) { frame.metadata[text(10)] = text(20) }
        if Bool.random(using: &self) { frame.credit = UInt32(truncatingIfNeeded: next()) }
        if Bool.random(using: &self) { frame.version = UInt32.random(in: 0...3, using: &self) }
        return frame
    }

    private mutating func text(_ length: Int) -> String {
        let alphabet: [Character] = ["a", "b", "/", ".", "é", "ß", "語", "🦙", "\u{1}"]
        return String(
            (0..<Int.random(in: 0...length, using: &self)).map { _ in alphabet.randomElement(using: &self) ?? "a" })
    }
}

extension [UInt8] {
    init(hex: some StringProtocol) {
        let digits = hex.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        self = stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}

func hexByte(_ value: Int) -> String {
    let text = String(value, radix: 16)
    return text.count == 1 ? "0" + text : text
}
