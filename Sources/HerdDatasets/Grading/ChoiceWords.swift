/// An answer's words with what stands around each.
struct ChoiceWords {
    /// What makes the label after it a choice; the stronger first.
    enum Announcement: CaseIterable {
        /// "Final answer".
        case final
        /// "Answer"; "correct option".
        case answer
        /// "I choose".
        case choice
        /// "Option".
        case mention
    }

    private struct Word {
        /// Without what stands around it.
        let bare: String
        let lowercased: String
        let raw: Substring
        /// That a word such as "(B)", "**b**" or "B." is.
        let label: Character?
    }

    private let words: [Word]
    private let label: (Character) -> Character?
    private let text: String

    /// - Parameter label: the label that a character is, as a capital; nil for another one.
    init(_ text: String, label: @escaping (Character) -> Character?) {
        self.label = label
        self.text = text
        words = text.split(whereSeparator: \.isWhitespace).map { raw in
            let bare = ChoiceOptions.bare(raw)
            return Word(
                bare: bare, lowercased: bare.lowercased(), raw: raw,
                label: bare.count == 1 ? bare.first.flatMap(label) : nil)
        }
    }

    // MARK: - Statements

    /// The labels that are announced so, in order; nil for "A or B".
    func statements(_ strength: Announcement) -> [Character?] {
        var found: [Character?] = []
        for place in words.indices {
            if isAnnouncement(place, strength) {
                var next = place + 1
                while next < words.count, next < place + 6, words[next].label == nil || isArticle(at: next),
                    Self.between.contains(words[next].lowercased) || words[next].lowercased == "a"
                {
                    next += 1
                }
                guard next < words.count, let label = words[next].label, !isArticle(at: next) else { continue }
                found.append(isOneOfSeveral(next) ? Character?.none : label)
            } else if strength == .answer || strength == .choice, let colon = words[place].bare.firstIndex(of: ":") {
                // "Answer:B" without a space is one word.
                let word = words[place].bare
                guard Self.announcing[word[..<colon].lowercased()] == strength else { continue }
                let rest = ChoiceOptions.bare(word[word.index(after: colon)...])
                if rest.count == 1, let label = rest.first.flatMap(label) { found.append(label) }
            }
        }
        return found
    }

    private func isAnnouncement(_ place: Int, _ strength: Announcement) -> Bool {
        let word = words[place].lowercased
        guard let plain = Self.announcing[word] else { return false }
        let before = place > 0 ? words[place - 1].lowercased : ""
        let isFinal = before == "final" && (plain == .answer || plain == .mention)
        let isCorrect = plain == .mention && ["correct", "right", "best"].contains(before)
        return strength == (isFinal ? .final : isCorrect ? .answer : plain)
    }

    /// Whether another label follows, as in "A or B" or "A and B".
    private func isOneOfSeveral(_ place: Int) -> Bool {
        guard place + 2 < words.count, ["or", "and"].contains(words[place + 1].lowercased) else { return false }
        return words[place + 2].label.map { $0 != words[place].label && !isArticle(at: place + 2) } ?? false
    }

    private static let announcing: [String: Announcement] = [
        "answer": .answer, "choose": .choice, "pick": .choice, "select": .choice, "option": .mention,
        "choice": .mention,
    ]
    /// What may stand between the announcement and the label.
    private static let between: Set<String> = [
        "is", "the", "correct", "right", "option", "choice", "answer", "would", "be", "to", "=", "-", "->", "\u{2192}",
        "letter", "number", "with", "for", "this", "question", "",
    ]

    // MARK: - Labels without announcement

    /// Labels written (B) or [B].
    var bracketed: [Character] {
        words.compactMap { word in
            let isBracketed =
                word.raw.contains("(") && word.raw.contains(")") || word.raw.contains("[") && word.raw.contains("]")
            return isBracketed ? word.label : nil
        }
    }

    /// Labels that stand alone between other words. "A" and "I" are words of their own more often than not.
    func standing(smallLettersToo: Bool) -> [Character] {
        words.indices.compactMap { place in
            let word = words[place]
            guard !isArticle(at: place), word.raw != "I", word.raw != "a", word.raw != "i" else { return nil }
            guard smallLettersToo || word.bare.first?.isLowercase != true else { return nil }
            return word.label
        }
    }

    /// Whether an "A" or "I" begins a phrase: "A cat", "a Roman", "I think", not "A.", "A or B" or "A" at the end.
    private func isArticle(at place: Int) -> Bool {
        guard ["A", "a", "I", "i"].contains(words[place].raw), place + 1 < words.count else { return false }
        let next = words[place + 1].bare
        guard let first = next.first, !Self.joining.contains(next) else { return false }
        return first.isLowercase || words[place].raw == "a"
    }

    private static let joining: Set<String> = ["or", "and", "is", "was", "because", "since", "as"]

    // MARK: - Options' texts

    /// The option whose text a sentence gives and nothing but a lead to it: "It is Rome.", "The answer is Rome, of course"
    /// is not. Of several such sentences the last counts.
    func text(of options: ChoiceOptions) -> Character? {
        let sentences = text.split { $0.isNewline || $0 == "." || $0 == "!" || $0 == "?" }
        for sentence in sentences.reversed() {
            var rest = sentence.split(whereSeparator: \.isWhitespace)
            while !rest.isEmpty {
                if let label = options.label(ofText: rest.joined(separator: " ")) { return label }
                guard Self.leading.contains(ChoiceOptions.bare(rest[0]).lowercased()) else { break }
                rest.removeFirst()
            }
        }
        return nil
    }

    private static let leading: Set<String> = [
        "a", "an", "the", "it", "it's", "its", "that", "that's", "this", "is", "was", "are", "must", "would", "should",
        "be", "i", "i'd", "think", "believe", "say", "guess", "choose", "pick", "my", "so", "thus", "hence",
        "therefore",
        "final", "correct", "right", "best", "answer", "option", "choice", "=", "-", "",
    ]
}
