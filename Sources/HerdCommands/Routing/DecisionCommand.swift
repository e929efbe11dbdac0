package import ArgumentParser
import HerdClient
import HerdFrames
import HerdMessages
import HerdReflection

package struct DecisionCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "decision", abstract: "Decisions the router made.",
        discussion: "EXAMPLE\n  herdctl decision show 0006418b4c7d2f10-5f3a9c2e", subcommands: [DecisionShow.self])

    package init() {}
}

struct DecisionShow: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a decision by its id, with its outcomes.",
        discussion: "EXAMPLE\n  herdctl decision show 0006418b4c7d2f10-5f3a9c2e")

    @Argument(help: "The decision's id, as `herdctl route` prints it.")
    var id: String
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run(with client: HerdClient) async throws {
        let reply = try await client.call(HerdMessages.Router.getDecision, GetDecisionRequest(decisionId: id))
        let decision = reply.decision ?? Decision()
        try output.print(decision) {
            var text = DecisionText.text(of: decision.response ?? RouteResponse())
            if let run = decision.run { text += Self.text(of: run) }
            for outcome in decision.outcomes {
                text += "outcome \(Float(outcome.outcome)) for \(outcome.model)"
                text += outcome.comment.isEmpty ? "\n" : ": \(PrintableText.escaped(outcome.comment))\n"
            }
            return text
        }
    }

    /// How the chosen model's run ended.
    private static func text(of run: RunOutcome) -> String {
        let generation = run.generation ?? GenerationFinish()
        let usage = generation.usage ?? Usage()
        let status = StatusCode(rawValue: run.code)
        var lines = ["run: \(status == .ok ? "\(generation.model), \(generation.reason)" : "\(status): \(run.error)")"]
        lines.append(
            "  \(usage.estimated ? "about " : "")\(usage.promptTokens) + \(usage.completionTokens) tokens, "
                + "\(usage.costEstimated ? "about " : "")\(NumberFormat.dollars(usage.costUsd)) USD, first token after "
                + "\(NumberFormat.decimals(generation.firstTokenSeconds, 3)) s, "
                + "\(NumberFormat.decimals(generation.seconds, 3)) s in all")
        if run.refineRounds > 0 || !run.transcriptId.isEmpty {
            lines.append("  \(run.refineRounds) rounds of refinement, transcript \(run.transcriptId)")
        }
        for attempt in generation.attempts {
            let place = attempt.endpoint.isEmpty ? "" : " at \(attempt.endpoint)"
            let how = attempt.code == 0 ? "answered" : "\(StatusCode(rawValue: attempt.code)): \(attempt.error)"
            lines.append(
                "  \(attempt.model)\(place) \(how), \(NumberFormat.decimals(attempt.seconds, 3)) s")
        }
        return lines.map { PrintableText.escaped($0) + "\n" }.joined()
    }
}
