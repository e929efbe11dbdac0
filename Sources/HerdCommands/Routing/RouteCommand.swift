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
    @OptionGroup var routing: RoutingArguments
    @Flag(help: "Show the terms of every model's utility, and the excluded models.")
    var explain = false
    @Option(help: "Expected answer length in tokens; the model's or the policy's if not given.")
    var expectedOutputTokens: UInt32?
    @OptionGroup package var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func run(with client: HerdClient) async throws {
        var request = try routing.request(prompt: try PromptInput.read(prompt))
        request.explain = explain
        request.expectedOutputTokens = expectedOutputTokens ?? 0
        let reply = try await client.call(
            HerdMessages.Router.route, request, metadata: routing.metadata)
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
