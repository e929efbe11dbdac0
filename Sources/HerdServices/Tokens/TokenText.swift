/// A token as its owner has it: `herd_ID_SECRET`.
package struct TokenText: Sendable, CustomStringConvertible {
    /// What it is found by; no secret.
    package let id: String
    /// 256 random bits.
    package let secret: String

    private static let prefix = "herd"
    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
    private static let idCharacters = 10
    private static let secretCharacters = 52

    /// A new one, from the system's random numbers.
    static func make() -> TokenText {
        var generator = SystemRandomNumberGenerator()
        return TokenText(
            id: text(of: generator.next(bytes: 8), characters: idCharacters),
            secret: text(of: generator.next(bytes: 32), characters: secretCharacters))
    }

    /// Nil for a text that has not its form.
    package init?(_ text: some StringProtocol) {
        // First, because a HELLO may be 64 KiB of underscores.
        guard text.utf8.count == Self.prefix.utf8.count + Self.idCharacters + Self.secretCharacters + 2 else {
            return nil
        }
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == Self.prefix, Self.is(parts[1], Self.idCharacters),
            Self.is(parts[2], Self.secretCharacters)
        else { return nil }
        self.init(id: String(parts[1]), secret: String(parts[2]))
    }

    private init(id: String, secret: String) {
        self.id = id
        self.secret = secret
    }

    /// The whole credential.
    package var text: String { "\(Self.prefix)_\(id)_\(secret)" }

    /// Without the secret, for wherever it is printed by mistake.
    package var description: String { "\(Self.prefix)_\(id)_..." }

    private static func `is`(_ part: some StringProtocol, _ count: Int) -> Bool {
        part.utf8.count == count && part.utf8.allSatisfy { alphabet.contains($0) }
    }

    /// Base 32 of RFC 4648 in small letters, as many characters as asked for.
    private static func text(of bytes: [UInt8], characters: Int) -> String {
        var text = ""
        var (pending, bits) = (UInt32(0), 0)
        for byte in bytes + [0] {
            pending = pending << 8 | UInt32(byte)
            bits += 8
            while bits >= 5, text.utf8.count < characters {
                bits -= 5
                text.unicodeScalars.append(Unicode.Scalar(alphabet[Int(pending >> UInt32(bits)) & 31]))
            }
            pending &= (1 << UInt32(bits)) - 1
        }
        return text
    }
}

extension SystemRandomNumberGenerator {
    /// So many random bytes.
    mutating func next(bytes count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &self) }
    }
}
