package import ArgumentParser
package import HerdClient
import HerdMessages

package struct RouteCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "route", abstract: "Ask which model should answer a prompt, and why.",
        discussion: """
            Without a prompt argument the prompt is read from standard input. Put -- before one that begins with a dash.

            EXAMPLES
              herdctl route "What is the derivative of x^2?" --explain
              herdctl route "Write a haiku" --goal cost=100 --max-parameters-b 20
              herdctl route "Write a haiku" --max-refine-rounds 0
            """)

    @Argument(help: "The prompt; - or nothing reads standard input.")
    var prompt: String?
    @Option(help: "The policy; \"default\" if not given.")
    var policy: String?
    @Option(name: .customLong("goal"), help: "A goal and its lambda, e.g. cost=100; may be repeated.")
    var goals: [String] = []
    @OptionGroup(title: "Hard limits") var limits: ConstraintOptions
    @Flag(help: "Show the terms of every model's utility, and the excluded models.")
    var explain = false
    @Option(help: "Expected answer length in tokens; the model's or the policy's if not given.")
    var expectedOutputTokens: UInt32?
    @Option(help: "The tenant the call is made for.")
    var tenant: String?
    @OptionGroup package var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func run(with client: HerdClient) async throws {
        var request = RouteRequest(prompt: try PromptInput.read(prompt))
        request.policy = policy ?? ""
        let goals = try GoalOption.parse(goals)
        request.goals = goals.isEmpty ? nil : Goals(goals: goals)
        request.constraints = limits.constraints
        request.explain = explain
        request.expectedOutputTokens = expectedOutputTokens ?? 0
        let reply = try await client.call(
            HerdMessages.Router.route, request, metadata: tenant.map { ["tenant": $0] } ?? [:])
        try output.print(reply) { DecisionText.text(of: reply) }
    }
}

/// A prompt from the command line or from standard input.
enum PromptInput {
    /// The server's frame limit is 4 MiB; more need not be read to be refused.
    static let longestBytes = 4 << 20

    static func read(_ argument: String?) throws -> String {
        if let argument, argument != "-" { return argument }
        let bytes = StandardInput.readAll(atMost: longestBytes + 1)
        guard bytes.count <= longestBytes else {
            throw CommandFailure("the prompt on standard input is over \(longestBytes) bytes", exitCode: 64)
        }
        guard var text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFailure("the prompt on standard input is not valid UTF-8", exitCode: 65)
        }
        // The newline that echo and editors add is not meant.
        if text.hasSuffix("\n") { text.removeLast() }
        return text
    }
}
