/// What models are asked for a critique and a rewrite: one wording for every kind of task, after arXiv 2310.07611.
package struct RefinementPrompts: Sendable {
    /// Places `{{prompt}}` and `{{answer}}`.
    package let critique: PromptTemplate
    /// Places `{{prompt}}`, `{{answer}}` and `{{critique}}`.
    package let rewrite: PromptTemplate

    /// Reads `critique.txt` and `rewrite.txt`.
    ///
    /// - Throws: `ConfigurationError` naming the file.
    package init(folder: String) throws(ConfigurationError) {
        let path = "\(folder)/critique.txt"
        critique = try PromptTemplate(path: path, places: ["prompt", "answer"])
        rewrite = try PromptTemplate(path: "\(folder)/rewrite.txt", places: ["prompt", "answer", "critique"])
        guard critique.wording.contains(Critique.nothing) else {
            throw ConfigurationError(
                "the prompt file '\(path)' does not ask for the words \(Critique.nothing) where nothing is wrong, which "
                    + "end a refinement early; add that")
        }
    }
}

/// What a critique says.
package enum Critique {
    /// What models are asked to reply where they find nothing.
    package static let nothing = "NO ISSUES"

    /// Words that may follow "no issues" without taking it back, as in "No issues found in this answer."
    private static let harmless: Set<String> = [
        "found", "were", "was", "are", "identified", "detected", "noted", "to", "report", "with", "the", "this",
        "answer",
        "in", "it", "at", "all", "here",
    ]

    /// Whether a critique finds nothing: it says so and nothing else, whatever the case and punctuation, it ends with a
    /// line that says so exactly, or it is empty.
    package static func findsNothing(_ text: String) -> Bool {
        let words = words(of: text)
        if words.isEmpty { return true }
        if words.starts(with: ["no", "issues"]), words.dropFirst(2).allSatisfy(harmless.contains) { return true }
        let lastLine = text.split(whereSeparator: \.isNewline).last { !Self.words(of: $0).isEmpty }
        let mark = lastLine.map { $0.filter { $0.isLetter || $0.isNumber || $0 == " " } } ?? ""
        return mark.split(separator: " ").joined(separator: " ") == nothing
    }

    private static func words(of text: some StringProtocol) -> [String] {
        text.lowercased().split { !($0.isLetter || $0.isNumber) }.map(String.init)
    }
}
