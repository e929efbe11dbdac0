/// Finds the label that an answer gives as its choice, from the plainest way of saying it to the least plain.
enum ChoiceAnswer {
    /// How much of an answer is looked at: its last so many characters.
    private static let longestAnswer = 20_000

    /// - Parameters:
    ///   - options: those of the prompt; empty where it lists none.
    ///   - example: a label of the kind that is looked for, a letter or a digit.
    /// - Returns: nil where the answer names none or several.
    static func label(in answer: String, options: ChoiceOptions, like example: Character) -> Character? {
        let text = String(answer.suffix(longestAnswer))
        func isLabel(_ character: Character) -> Bool {
            guard let label = ChoiceOptions.label(character), label.isNumber == example.isNumber else { return false }
            return options.isEmpty || options.texts[label] != nil
        }
        let bare = ChoiceOptions.bare(text)
        if bare.count == 1, let letter = bare.uppercased().first, isLabel(letter) { return letter }
        if let label = options.label(ofText: text) { return label }
        let words = Words(text)
        for statements in [words.finalStatements(isLabel), words.statements(isLabel)] {
            if let choice = single(statements) { return choice }
            if !statements.isEmpty { return nil }
        }
        let lines = text.split(whereSeparator: \.isNewline).flatMap { labels(ofLine: $0).filter(isLabel) }
        if !lines.isEmpty { return single(lines) }
        let bracketed = words.bracketed(isLabel)
        if !bracketed.isEmpty { return single(bracketed) }
        return single(words.standing(isLabel))
    }

    /// The label that a line begins with, and the one it goes on with at once, as in "(A) (B)".
    private static func labels(ofLine line: Substring) -> [Character] {
        guard let option = ChoiceOptions.labelled(line) else { return [] }
        let rest = ChoiceOptions.bare(option.text)
        return [option.label] + (rest.count == 1 ? Array(rest) : [])
    }

    /// The one label that all of them are.
    private static func single(_ labels: [Character]) -> Character? {
        Set(labels).count == 1 ? labels.first : nil
    }
}

/// An answer's words with what stands around each.
private struct Words {
    private struct Word {
        /// Without what stands around it.
        let bare: String
        let raw: Substring

        /// The label that a word such as "(B)", "**B**", "B." or "\boxed{B}" is.
        func label(_ isLabel: (Character) -> Bool) -> Character? {
            let inner = bare.hasPrefix("\\boxed{") ? ChoiceOptions.bare(String(bare.dropFirst(7))) : bare
            guard inner.count == 1, let letter = inner.first, isLabel(letter) else { return nil }
            return letter
        }
    }

    private let words: [Word]

    init(_ text: String) {
        words = text.split(whereSeparator: \.isWhitespace).map { raw in
            Word(bare: ChoiceOptions.bare(String(raw)), raw: raw)
        }
    }

    /// Labels after "final answer" or in a \boxed{}.
    func finalStatements(_ isLabel: (Character) -> Bool) -> [Character] {
        statements(isLabel) { place in
            let word = words[place].bare.lowercased()
            return word == "answer" && place > 0 && words[place - 1].bare.lowercased() == "final"
        } + words.filter { $0.bare.hasPrefix("\\boxed{") }.compactMap { $0.label(isLabel) }
    }

    /// Labels after "answer", "option" or "choice", or after "choose", "pick" or "select".
    func statements(_ isLabel: (Character) -> Bool) -> [Character] {
        statements(isLabel) { place in Self.announcing.contains(words[place].bare.lowercased()) }
    }

    private static let announcing: Set<String> = ["answer", "option", "choice", "choose", "pick", "select"]
    /// What may stand between the announcement and the label.
    private static let between: Set<String> = [
        "is", "the", "correct", "right", "option", "choice", "answer", "would", "be", "to", "=", "-", "->", "\u{2192}",
        "letter", "number", "with", "for", "this", "question", "",
    ]

    private func statements(_ isLabel: (Character) -> Bool, announced: (Int) -> Bool) -> [Character] {
        var found: [Character] = []
        for place in words.indices where announced(place) {
            // "Answer:B" without a space is one word.
            var next = place + 1
            while next < words.count, next < place + 6, words[next].label(isLabel) == nil,
                Self.between.contains(words[next].bare.lowercased())
            {
                next += 1
            }
            guard next < words.count, let label = words[next].label(isLabel), !isArticle(at: next) else { continue }
            found.append(label)
        }
        for word in words {
            guard let colon = word.bare.firstIndex(of: ":"), Self.announcing.contains(word.bare[..<colon].lowercased())
            else { continue }
            let rest = ChoiceOptions.bare(String(word.bare[word.bare.index(after: colon)...]))
            if rest.count == 1, let letter = rest.first, isLabel(letter) { found.append(letter) }
        }
        return found
    }

    /// Labels written (B) or [B].
    func bracketed(_ isLabel: (Character) -> Bool) -> [Character] {
        words.compactMap { word in
            let isBracketed =
                word.raw.contains("(") && word.raw.contains(")") || word.raw.contains("[") && word.raw.contains("]")
            return isBracketed ? word.label(isLabel) : nil
        }
    }

    /// Labels that stand alone between other words. "A" and "I" are words of their own more often than not.
    func standing(_ isLabel: (Character) -> Bool) -> [Character] {
        words.indices.compactMap { place in
            guard !isArticle(at: place), words[place].raw != "I" else { return nil }
            return words[place].label(isLabel)
        }
    }

    /// Whether an "A" begins a phrase: "A cat", not "A.", "A or B" or "A" at the end.
    private func isArticle(at place: Int) -> Bool {
        guard words[place].raw == "A", place + 1 < words.count else { return false }
        let next = words[place + 1].bare
        return next.first?.isLowercase ?? false && !Self.joining.contains(next)
    }

    private static let joining: Set<String> = ["or", "and", "is", "was", "because", "since", "as"]
}
