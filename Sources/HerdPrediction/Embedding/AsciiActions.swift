/// What to do with each byte of a text in one look-up: the way past the character classes for plain ASCII.
///
/// An action below 0x80 is the byte to append to the word.
struct AsciiActions: Sendable {
    static let blank: UInt8 = 0x80
    static let drop: UInt8 = 0x81
    /// A word of its own, as it is.
    static let alone: UInt8 = 0x82
    /// Needs the character classes.
    static let other: UInt8 = 0x83
    /// May start a special token; else needs the character classes.
    static let special: UInt8 = 0x84

    private let actions: [UInt8]

    init(classes: CharacterClasses, specialTokens: [SpecialToken]) {
        var actions = [UInt8](repeating: Self.other, count: 256)
        for byte in 0..<128 {
            let entry = classes.entry(UInt32(byte))
            switch entry.kind {
            case .keep: actions[byte] = UInt8(byte)
            case .drop: actions[byte] = Self.drop
            case .blank: actions[byte] = Self.blank
            case .alone: actions[byte] = Self.alone
            case .keepAs where entry.codePoint < 0x80: actions[byte] = UInt8(entry.codePoint)
            case .keepAs, .aloneAs, .list: break
            }
        }
        for token in specialTokens {
            if let first = token.bytes.first { actions[Int(first)] = Self.special }
        }
        self.actions = actions
    }

    /// Lends the 256 actions.
    @inline(__always)
    func withActions<Result>(_ body: (UnsafePointer<UInt8>) -> Result) -> Result {
        actions.withUnsafeBufferPointer { body($0.baseAddress.unsafelyUnwrapped) }
    }
}
