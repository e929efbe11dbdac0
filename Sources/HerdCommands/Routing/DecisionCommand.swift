package import ArgumentParser
import HerdClient
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
            for outcome in decision.outcomes {
                text += "outcome \(Float(outcome.outcome)) for \(outcome.model)"
                text += outcome.comment.isEmpty ? "\n" : ": \(PrintableText.escaped(outcome.comment))\n"
            }
            return text
        }
    }
}
