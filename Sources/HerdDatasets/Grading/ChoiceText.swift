/// Texts as choices are looked for in them.
enum ChoiceText {
    /// How much of an answer is looked at: its last so many characters.
    private static let longestAnswer = 20_000

    /// An answer without what the model thought aloud before it.
    static func answer(_ text: String) -> String {
        plain(String(withoutThoughts(text).suffix(longestAnswer)))
    }

    /// With ASCII in place of its full-width forms, and without the LaTeX that only sets a typeface.
    static func plain(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0xFF01...0xFF5E: scalars.append(Unicode.Scalar(UInt8(scalar.value - 0xFEE0)))
            case 0x3002: scalars.append(".")
            default: scalars.append(scalar)
            }
        }
        let text = String(scalars)
        guard text.utf8.contains(UInt8(ascii: "\\")) else { return text }
        return typefaces.reduce(text) { $0.replacing($1, with: "{") }
    }

    private static let typefaces = [
        "\\text{", "\\textbf{", "\\textit{", "\\textrm{", "\\mathrm{", "\\mathbf{", "\\mathsf{", "\\mbox{",
    ]

    /// Without every <think>...</think>. What follows an opening mark that is never closed is thought too, and so is what
    /// stands before a closing one that was never opened: some chat templates open it themselves.
    private static func withoutThoughts(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "<")) else { return text }
        var rest = Substring(text)
        if let end = rest.firstRange(of: closing),
            rest.firstRange(of: opening).map({ end.lowerBound < $0.lowerBound }) ?? true
        {
            rest = rest[end.upperBound...]
        }
        var kept = ""
        while let start = rest.firstRange(of: opening) {
            kept += rest[..<start.lowerBound]
            rest = rest[start.upperBound...]
            guard let end = rest.firstRange(of: closing) else { return kept }
            rest = rest[end.upperBound...]
        }
        return kept + rest
    }

    private static let opening = "<think>"
    private static let closing = "</think>"
}
