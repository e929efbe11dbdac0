import HerdMessages
import HerdReflection

/// Prints a refinement as it comes: the final answer on standard output, the steps on standard error, dimmed where that is
/// a terminal.
struct RefinementPrinter {
    private static let dim = "\u{1B}[2m"
    private static let plain = "\u{1B}[0m"

    private let isOutputTerminal = StandardOutput.isTerminal
    private let isErrorTerminal = StandardError.isTerminal
    /// The step whose words are being shown.
    private var step = ""
    private var round: UInt32 = 0
    private var endsLine = true
    private var answer = ""
    private var summary: String?

    mutating func show(_ event: RefineEvent) throws {
        switch event.event {
        case .decision(let decision)?:
            StandardError.print(PrintableText.escaped("\(decision.model), decision \(decision.decisionId)"))
        case .step(let event)?: try show(event)
        case .delta(let text)?:
            answer += text
            try StandardOutput.write(isOutputTerminal ? PrintableText.escaped(text, keepsLines: true) : text)
        case nil: break
        }
    }

    /// After the last event.
    mutating func end() throws {
        if !answer.isEmpty, !answer.hasSuffix("\n") { try StandardOutput.write("\n") }
        if let summary { StandardError.print(summary) }
    }

    private mutating func show(_ event: RefinementEvent) throws {
        if let result = event.result { return try show(result) }
        if (event.step, event.round) != (step, round) {
            endLine()
            (step, round) = (event.step, event.round)
            StandardError.print(PrintableText.escaped("--- " + RefinementText.heading(step, round)))
        }
        if !event.delta.isEmpty {
            let text = PrintableText.escaped(event.delta, keepsLines: true)
            StandardError.write(isErrorTerminal ? Self.dim + text + Self.plain : text)
            endsLine = event.delta.hasSuffix("\n")
        }
        if let finished = event.finished {
            endLine()
            StandardError.print(PrintableText.escaped("    " + RefinementText.line(finished)))
        }
    }

    private mutating func show(_ result: RefinementResult) throws {
        endLine()
        let line = PrintableText.escaped(RefinementText.line(result))
        guard result.partial else {
            StandardError.print("--- answer")
            summary = line
            return
        }
        StandardError.print("--- broken off; the best answer so far")
        try StandardOutput.write(isOutputTerminal ? PrintableText.escaped(result.text, keepsLines: true) : result.text)
        if !result.text.isEmpty, !result.text.hasSuffix("\n") { try StandardOutput.write("\n") }
        StandardError.print(line)
    }

    private mutating func endLine() {
        if !endsLine { StandardError.write("\n") }
        endsLine = true
    }
}

/// Steps and results of refinements for people.
enum RefinementText {
    /// "draft", "critique of round 2".
    static func heading(_ step: String, _ round: UInt32) -> String {
        round == 0 ? step : "\(step) of round \(round)"
    }

    static func line(_ step: RefinementStep) -> String {
        var parts: [String] = step.model.isEmpty ? ["given"] : [step.model]
        parts += usage(step.usage)
        if step.seconds > 0 { parts.append("\(NumberFormat.decimals(step.seconds, 3)) s") }
        if case .score(let score)? = step.graded { parts.append("score \(NumberFormat.decimals(score, 3))") }
        if step.notTaken { parts.append("not taken") }
        return parts.joined(separator: ", ")
    }

    static func line(_ result: RefinementResult) -> String {
        var parts = [
            result.round == 0 ? "the draft" : "round \(result.round)",
            "\(result.rounds) \(result.rounds == 1 ? "round" : "rounds") done",
            "ended by \(ending(result.stoppedBecause))",
        ]
        if !result.scores.isEmpty {
            parts.append("scores " + result.scores.map { NumberFormat.decimals($0, 3) }.joined(separator: " "))
        }
        parts += usage(result.usage)
        parts.append("\(NumberFormat.decimals(result.seconds, 3)) s")
        if !result.transcriptId.isEmpty { parts.append("transcript \(result.transcriptId)") }
        return parts.joined(separator: ", ")
    }

    private static func ending(_ reason: String) -> String {
        switch reason {
        case "rounds": "the number of rounds"
        case "critique found nothing": "a critique that found nothing"
        case "no change": "a rewrite that changed nothing"
        case "cut off": "a rewrite that was cut off"
        case "tokens", "cost", "time": "the limit on \(reason)"
        case "error": "an error"
        default: reason
        }
    }

    private static func usage(_ usage: Usage?) -> [String] {
        guard let usage, usage.promptTokens > 0 || usage.completionTokens > 0 else { return [] }
        return [
            "\(usage.estimated ? "about " : "")\(usage.promptTokens) + \(usage.completionTokens) tokens",
            "\(usage.costEstimated ? "about " : "")\(NumberFormat.dollars(usage.costUsd)) USD",
        ]
    }
}
