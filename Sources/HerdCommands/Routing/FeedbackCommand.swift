package import ArgumentParser
package import HerdClient
import HerdMessages

package struct FeedbackCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "feedback", abstract: "Tell how good the answer to a decision was.",
        discussion: "EXAMPLE\n  herdctl feedback 0006418b4c7d2f10-5f3a9c2e 0.8 --comment \"right, but long\"")

    @Argument(help: "The decision's id.")
    var id: String
    @Argument(help: "0 (useless) to 1 (right).")
    var outcome: Double
    @Option(help: "The model that was used; the chosen one if not given.")
    var model: String?
    @Option(help: "A remark to keep.")
    var comment: String?
    @OptionGroup package var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func run(with client: HerdClient) async throws {
        let request = FeedbackRequest(
            decisionId: id, outcome: outcome, model: model ?? "", comment: comment ?? "", requestId: RequestID.make())
        let reply = try await client.call(HerdMessages.Router.feedback, request)
        try output.print(reply) { "kept\n" }
    }
}
