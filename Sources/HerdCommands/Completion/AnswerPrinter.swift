import HerdMessages
import HerdReflection

/// Prints an answer as it comes: its text on standard output, what there is to say about it on standard error.
struct AnswerPrinter {
    /// Control characters of the model's words do nothing on a terminal; a file or a pipe gets them as they are.
    private let isTerminal = StandardOutput.isTerminal
    private var endsLine = true
    private var isReasoning = false
    private var toolCalls: [UInt32: ToolCallDelta] = [:]

    mutating func text(_ text: String) throws {
        endReasoning()
        try StandardOutput.write(isTerminal ? Self.shown(text) : text)
        endsLine = text.hasSuffix("\n")
    }

    mutating func reasoning(_ text: String) {
        StandardError.write(Self.shown(text))
        isReasoning = !text.hasSuffix("\n")
    }

    mutating func toolCall(_ delta: ToolCallDelta) {
        var call = toolCalls[delta.index] ?? ToolCallDelta(index: delta.index)
        if !delta.id.isEmpty { call.id = delta.id }
        if !delta.name.isEmpty { call.name = delta.name }
        call.arguments += delta.arguments
        toolCalls[delta.index] = call
    }

    /// Something to tell that is not of the answer.
    mutating func note(_ line: String) throws {
        try endLine()
        StandardError.print(PrintableText.escaped(line))
    }

    mutating func finish(_ finish: GenerationFinish?, extra: [String] = []) throws {
        for call in toolCalls.values.sorted(by: { $0.index < $1.index }) {
            try endLine()
            try StandardOutput.write(PrintableText.escaped("\(call.name)(\(call.arguments))") + "\n")
        }
        try endLine()
        guard let finish else { return }
        StandardError.print(PrintableText.escaped(([Self.summary(finish)] + extra).joined(separator: ", ")))
    }

    /// Ends the line that the answer is on, as programs that read lines expect.
    private mutating func endLine() throws {
        endReasoning()
        guard !endsLine else { return }
        try StandardOutput.write("\n")
        endsLine = true
    }

    private mutating func endReasoning() {
        if isReasoning { StandardError.write("\n") }
        isReasoning = false
    }

    private static func shown(_ text: String) -> String {
        PrintableText.escaped(text, keepsLines: true)
    }

    private static func summary(_ finish: GenerationFinish) -> String {
        let usage = finish.usage ?? Usage()
        let about = usage.estimated ? "about " : ""
        var parts = ["\(finish.model): \(finish.reason)"]
        parts.append("\(about)\(usage.promptTokens) + \(usage.completionTokens) tokens")
        parts.append("\(usage.costEstimated ? "about " : "")\(NumberFormat.dollars(usage.costUsd)) USD")
        if finish.firstTokenSeconds > 0 {
            parts.append("first token after \(NumberFormat.decimals(finish.firstTokenSeconds, 3)) s")
        }
        parts.append("\(NumberFormat.decimals(finish.seconds, 3)) s in all")
        if finish.attempts.count > 1 { parts.append("\(finish.attempts.count) attempts") }
        return parts.joined(separator: ", ")
    }
}
