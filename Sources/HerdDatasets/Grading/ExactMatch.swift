/// Equality of texts that differ in nothing that counts.
///
/// White space at the ends is left out and every run of it inside counts as one space. Characters are compared by Unicode's
/// canonical equivalence, so that a letter with its accent equals the letter followed by the accent. Case counts unless
/// said otherwise, since tasks such as "write it in capitals" are about nothing else.
enum ExactMatch {
    static func isEqual(_ first: String, _ second: String) -> Bool {
        words(first) == words(second)
    }

    static func isEqualIgnoringCase(_ first: String, _ second: String) -> Bool {
        words(first.lowercased()) == words(second.lowercased())
    }

    private static func words(_ text: String) -> [Substring] {
        text.split(whereSeparator: \.isWhitespace)
    }
}
