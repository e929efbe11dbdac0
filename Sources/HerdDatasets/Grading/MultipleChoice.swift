/// Which option of several an answer chooses.
///
/// Options have labels: one letter, big or small, or one digit. Where the prompt lists them ("A. Paris", "(a) Paris",
/// "A) Paris", one a line or one after the other), an answer that gives an option's text chooses it too, and no other letter
/// is taken for a label. Of two statements ("The answer is A. Wait, no. The answer is B.") the last counts; an answer that
/// otherwise names several options chooses none.
enum MultipleChoice {
    /// Whether the answer chooses the option that the reference names by its label ("B", "(b)", "B. Paris") or its text.
    static func isChosen(_ reference: String, by answer: String, prompt: String) -> Bool {
        let options = ChoiceOptions(prompt)
        let reference = ChoiceText.plain(reference)
        let answer = ChoiceText.answer(answer)
        if let label = options.label(ofReference: reference) {
            return ChoiceAnswer.label(in: answer, options: options, like: label) == label
        }
        // Options without labels: the text itself is the choice.
        return ExactMatch.isEqualIgnoringCase(ChoiceOptions.bare(answer), ChoiceOptions.bare(reference))
    }

    /// Why no answer could be right: the prompt lists options, and the reference is none of them. Nil where one could.
    static func problem(of reference: String, prompt: String) -> String? {
        let options = ChoiceOptions(prompt)
        guard !options.isEmpty, options.label(ofReference: ChoiceText.plain(reference)) == nil else { return nil }
        let labels = options.texts.keys.sorted().map(String.init).joined(separator: ", ")
        let shown = reference.unicodeScalars.prefix(40).map { $0.value < 0x20 || $0.value == 0x7F ? "\u{FFFD}" : $0 }
        return
            "the reference \"\(String(String.UnicodeScalarView(shown)))\" is none of the options that the prompt lists "
            + "(\(labels)), neither a label nor an option's text; the grader exact-ignore-case compares texts alone"
    }
}

/// The options that a prompt lists.
struct ChoiceOptions {
    /// By label: a capital letter, whatever the prompt writes, or a digit.
    private(set) var texts: [Character: String] = [:]

    init(_ prompt: String) {
        for line in ChoiceText.plain(prompt).split(whereSeparator: \.isNewline) {
            // Listed twice, it is not known which list counts; the last one is nearest to the question's end.
            for option in OptionLine.options(of: line) { texts[option.label] = option.text }
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
        if let option = OptionLine.labelled(Substring(reference)), isEmpty || texts[option.label] != nil {
            return option.label
        }
        return label(ofText: reference)
    }

    /// The one option with this text.
    func label(ofText text: some StringProtocol) -> Character? {
        let bare = Self.bare(text)
        let found = texts.filter { ExactMatch.isEqualIgnoringCase(Self.bare($0.value), bare) }
        return found.count == 1 ? found.first?.key : nil
    }

    /// A letter as a capital, or a digit; ASCII only.
    static func label(_ character: Character) -> Character? {
        guard let ascii = character.asciiValue else { return nil }
        switch character {
        case "A"..."Z", "0"..."9": return character
        case "a"..."z": return Character(Unicode.Scalar(ascii - 32))
        default: return nil
        }
    }

    /// Without what stands around a text: white space, brackets, quotes, emphasis, a full stop.
    static func bare(_ text: some StringProtocol) -> String {
        let around: Set<Character> = [
            "(", ")", "[", "]", "{", "}", "*", "_", "`", "\"", "'", ".", ",", ":", ";", "!", "$", "\u{3001}",
        ]
        func isAround(_ character: Character) -> Bool { character.isWhitespace || around.contains(character) }
        var rest = text[...]
        while let first = rest.first, isAround(first) { rest.removeFirst() }
        while let last = rest.last, isAround(last) { rest.removeLast() }
        return String(rest)
    }
}
