/// The words of a text by the rules of SQuAD's official evaluation: lower case, without ASCII punctuation, without the
/// articles a, an and the, split at white space.
///
/// Source: Rajpurkar et al. 2016 (arXiv 1606.05250) and its evaluate-v1.1.py. Two texts without any word left are equal,
/// F1 1, as in evaluate-v2.0.py.
struct SquadWords: Equatable {
    let words: [String]

    init(_ text: String) {
        var cleaned = String.UnicodeScalarView()
        for scalar in text.lowercased().unicodeScalars where !Self.isPunctuation(scalar) { cleaned.append(scalar) }
        words = Self.withoutArticles(cleaned).split(whereSeparator: Self.isSpace).map { String($0) }
    }

    /// The harmonic mean of precision and recall over words, each counted as often as it occurs in both.
    func f1(_ reference: SquadWords) -> Double {
        if words.isEmpty || reference.words.isEmpty { return words.isEmpty && reference.words.isEmpty ? 1 : 0 }
        var left: [String: Int] = [:]
        for word in reference.words { left[word, default: 0] += 1 }
        var common = 0
        for word in words {
            guard let count = left[word], count > 0 else { continue }
            left[word] = count - 1
            common += 1
        }
        guard common > 0 else { return 0 }
        let precision = Double(common) / Double(words.count)
        let recall = Double(common) / Double(reference.words.count)
        return 2 * precision * recall / (precision + recall)
    }

    /// Python's `string.punctuation`.
    private static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
        default: false
        }
    }

    /// Puts a space for each article that stands between two word boundaries, as the pattern `\b(a|an|the)\b` does.
    private static func withoutArticles(_ text: String.UnicodeScalarView) -> String.UnicodeScalarView {
        var result = String.UnicodeScalarView()
        var word = String.UnicodeScalarView()
        func endWord() {
            switch String(word) {
            case "a", "an", "the": result.append(" ")
            default: result.append(contentsOf: word)
            }
            word = String.UnicodeScalarView()
        }
        for scalar in text {
            if isWordScalar(scalar) {
                word.append(scalar)
            } else {
                endWord()
                result.append(scalar)
            }
        }
        endWord()
        return result
    }

    /// Python's `\w`: letters and numbers; the underscore went with the punctuation.
    private static func isWordScalar(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .otherNumber:
            true
        default: false
        }
    }

    /// Python's white space: Unicode's and the four information separators.
    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
    }
}
