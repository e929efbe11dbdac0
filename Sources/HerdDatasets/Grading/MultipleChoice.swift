/// Which option of several an answer chooses.
///
/// Options have labels: one capital letter or digit. Where the prompt lists them ("A. Paris", "(A) Paris", "A) Paris", one a
/// line), an answer that repeats an option's text chooses it too, and no other letter is taken for a label. An answer that
/// names several options chooses none.
enum MultipleChoice {
    /// Whether the answer chooses the option that the reference names by its label ("B", "(B)", "B. Paris") or its text.
    static func isChosen(_ reference: String, by answer: String, prompt: String) -> Bool {
        let options = ChoiceOptions(prompt)
        if let label = options.label(ofReference: reference) {
            return ChoiceAnswer.label(in: answer, options: options, like: label) == label
        }
        // Options without labels: the text itself is the choice.
        return ExactMatch.isEqualIgnoringCase(ChoiceOptions.bare(answer), ChoiceOptions.bare(reference))
    }
}

/// The options that a prompt lists.
struct ChoiceOptions {
    private(set) var texts: [Character: String] = [:]

    init(_ prompt: String) {
        for line in prompt.split(whereSeparator: \.isNewline) {
            guard let option = Self.labelled(line) else { continue }
            // Listed twice, it is not known which list counts; the last one is nearest to the question's end.
            texts[option.label] = option.text
        }
        // One line that happens to begin so is no list.
        if texts.count < 2 { texts = [:] }
    }

    var isEmpty: Bool { texts.isEmpty }

    /// A reference's label; nil where it is a text that no option has.
    func label(ofReference reference: String) -> Character? {
        let bare = Self.bare(reference)
        if bare.count == 1, let label = bare.first.flatMap({ Self.label($0) }), isEmpty || texts[label] != nil {
            return label
        }
        if let option = Self.labelled(Substring(reference)), isEmpty || texts[option.label] != nil {
            return option.label
        }
        return label(ofText: reference)
    }

    /// The one option with this text.
    func label(ofText text: String) -> Character? {
        let bare = Self.bare(text)
        let found = texts.filter { ExactMatch.isEqualIgnoringCase(Self.bare($0.value), bare) }
        return found.count == 1 ? found.first?.key : nil
    }

    /// "A. text", "A) text", "A: text", "(A) text", "**A.** text", "- A) text".
    static func labelled(_ line: some StringProtocol) -> (label: Character, text: String)? {
        var rest = line.drop { $0.isWhitespace || $0 == "*" || $0 == "-" || $0 == "_" || $0 == "#" }
        let isBracketed = rest.first == "(" || rest.first == "["
        if isBracketed { rest = rest.dropFirst() }
        guard let label = rest.first.flatMap({ label($0) }) else { return nil }
        rest = rest.dropFirst()
        let mark = rest.drop { $0 == "*" || $0 == "_" }
        guard let sign = mark.first, isBracketed ? sign == ")" || sign == "]" : ".):".contains(sign) else { return nil }
        let text = mark.dropFirst().drop { $0.isWhitespace || $0 == "*" || $0 == "_" || $0 == "." || $0 == ":" }
        // "1.5 metres" and "A.B." begin no option.
        if let next = mark.dropFirst().first, !next.isWhitespace, next != "*", next != "_", sign == "." { return nil }
        return (label, String(text))
    }

    /// A capital letter or a digit other than 0.
    static func label(_ character: Character) -> Character? {
        ("A"..."Z").contains(character) || ("1"..."9").contains(character) ? character : nil
    }

    /// Without what stands around a text: white space, brackets, quotes, emphasis, a full stop.
    static func bare(_ text: String) -> String {
        let around: Set<Character> = [
            "(", ")", "[", "]", "{", "}", "*", "_", "`", "\"", "'", ".", ",", ":", ";", "!", "$",
        ]
        func isAround(_ character: Character) -> Bool { character.isWhitespace || around.contains(character) }
        var rest = text[...]
        while let first = rest.first, isAround(first) { rest.removeFirst() }
        while let last = rest.last, isAround(last) { rest.removeLast() }
        return String(rest)
    }
}
