/// Finds the label that an answer gives as its choice, from the plainest way of saying it to the least plain.
enum ChoiceAnswer {
    /// - Parameters:
    ///   - text: the answer as `ChoiceText` gives it.
    ///   - options: those of the prompt; empty where it lists none.
    ///   - example: a label of the kind that is looked for, a letter or a digit.
    /// - Returns: nil where the answer names none or several.
    static func label(in text: String, options: ChoiceOptions, like example: Character) -> Character? {
        func label(_ character: Character) -> Character? {
            guard let label = ChoiceOptions.label(character), label.isNumber == example.isNumber else { return nil }
            return options.isEmpty || options.texts[label] != nil ? label : nil
        }
        let bare = ChoiceOptions.bare(text)
        if bare.count == 1, let label = bare.first.flatMap(label) { return label }
        if let label = options.label(ofText: text) { return label }
        if let boxed = boxed(in: text) {
            if let label = options.label(ofText: boxed) { return label }
            if let word = boxed.split(whereSeparator: \.isWhitespace).first {
                let inner = ChoiceOptions.bare(word)
                if inner.count == 1, let label = inner.first.flatMap(label) { return label }
            }
        }
        let words = ChoiceWords(text, label: label)
        for strength in ChoiceWords.Announcement.allCases {
            let statements = words.statements(strength)
            guard let last = statements.last else { continue }
            // Other options may be spoken of after the right one was named.
            return strength == .mention ? single(statements.compactMap(\.self)) : last
        }
        let lines = text.split(whereSeparator: \.isNewline).flatMap { labels(ofLine: $0).compactMap(label) }
        if !lines.isEmpty { return single(lines) }
        let bracketed = words.bracketed
        if !bracketed.isEmpty { return single(bracketed) }
        if let label = words.text(of: options) { return label }
        return single(words.standing(smallLettersToo: !options.isEmpty))
    }

    /// What the last \boxed{} holds.
    private static func boxed(in text: String) -> Substring? {
        guard let start = text.ranges(of: "\\boxed{").last?.upperBound else { return nil }
        var depth = 1
        for place in text[start...].indices {
            if text[place] == "{" { depth += 1 }
            if text[place] == "}" { depth -= 1 }
            if depth == 0 { return text[start..<place] }
        }
        return text[start...]
    }

    /// The label that a line begins with, and the one it goes on with at once, as in "(A) (B)".
    private static func labels(ofLine line: Substring) -> [Character] {
        guard let option = OptionLine.labelled(line) else { return [] }
        let rest = ChoiceOptions.bare(option.text)
        return [option.label] + (rest.count == 1 ? Array(rest) : [])
    }

    /// The one label that all of them are.
    private static func single(_ labels: [Character]) -> Character? {
        Set(labels).count == 1 ? labels.first : nil
    }
}
