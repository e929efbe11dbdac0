package import ArgumentParser
package import HerdClient
import HerdMessages
import HerdReflection

package struct CompleteCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "complete",
        abstract: "Have the herd answer a prompt: route it, run the chosen model, stream the answer.",
        discussion: """
            The answer goes to standard output as it comes; the decision, models that failed and a summary go to standard
            error. Without a prompt argument the prompt is read from standard input. Put -- before one that begins with a
            dash. An answer that breaks off leaves what came and ends with the failure's exit code.

            EXAMPLES
              herdctl complete "What is the derivative of x^2?"
              herdctl complete "Write a haiku" --goal cost=100 --max-tokens 60 > haiku.txt
              herdctl complete --messages talk.json --session talk-17
              herdctl complete "Weather in Oslo?" --tool weather.json --json | jq -c .tool_call
            """)

    @Argument(help: "The prompt; - or nothing reads standard input.")
    var prompt: String?
    @OptionGroup var conversation: ConversationArguments
    @OptionGroup var routing: RoutingArguments
    @OptionGroup(title: "How to answer") var generation: GenerationArguments
    @Option(help: "The conversation's id: it stays with its model while that is good enough.")
    var session: String?
    @Option(help: "How many models are tried until one begins to answer; 3 if not given.")
    var maxModels: UInt32?
    @Flag(help: "Print every event as one line of JSON; keys are the message's field names.")
    var json = false
    @OptionGroup package var connection: ConnectionOptions

    package init() {}

    package func run(with client: HerdClient) async throws {
        let (prompt, messages) = try conversation.read(prompt: prompt)
        var route = try routing.request(prompt: prompt, messages: messages)
        route.session = session ?? ""
        var request = CompleteRequest(route: route, options: try generation.options())
        request.failover = maxModels.map { .maxModels($0) }
        let events = client.stream(
            HerdMessages.Router.complete, request, timeout: connection.streamTimeout,
            metadata: routing.metadata)
        var printer = AnswerPrinter()
        for try await event in events {
            if json {
                try StandardOutput.write(MessageJSON.text(of: event, onOneLine: true) + "\n")
            } else {
                try Self.print(event, with: &printer)
            }
        }
    }

    private static func print(_ event: CompleteEvent, with printer: inout AnswerPrinter) throws {
        switch event.event {
        case .decision(let decision)?: try printer.note(line(decision))
        case .delta(let text)?: try printer.text(text)
        case .reasoning(let text)?: printer.reasoning(text)
        case .toolCall(let delta)?: printer.toolCall(delta)
        case .failed(let attempt)?: try printer.note("\(attempt.model) failed: \(attempt.error)")
        case .refinement(let refinement)?: try show(refinement, with: &printer)
        case .finish(let finish)?:
            var extra: [String] = []
            if finish.refineRounds > 0 { extra.append("\(finish.refineRounds) rounds of refinement") }
            if finish.switched { extra.append("the session changed its model") }
            try printer.finish(finish.generation, extra: extra)
        case nil: break
        }
    }

    private static func show(_ event: RefinementEvent, with printer: inout AnswerPrinter) throws {
        guard let finished = event.finished else { return }
        let round = event.round > 0 ? " \(event.round)" : ""
        let seconds = NumberFormat.decimals(finished.seconds, 3)
        try printer.note("\(event.step)\(round) by \(finished.model), \(seconds) s")
    }

    private static func line(_ decision: RouteResponse) -> String {
        var parts = [decision.model]
        if let first = decision.candidates.first {
            parts.append("expected quality \(NumberFormat.decimals(first.quality, 2))")
        }
        if !decision.topic.isEmpty { parts.append("topic \(decision.topic)") }
        if decision.sessionModelKept { parts.append("the session's model") }
        if decision.degraded { parts.append("degraded: \(decision.degradedBecause)") }
        parts.append("decision \(decision.decisionId)")
        return parts.joined(separator: ", ")
    }
}

package struct GenerateCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "generate", abstract: "Have one named model answer, without routing.",
        discussion: """
            The answer goes to standard output as it comes, a summary to standard error.

            EXAMPLES
              herdctl generate mistral-7b "Write a haiku" --temperature 0
              herdctl generate mistral-7b --messages talk.json --json
            """)

    @Argument(help: "The model's name.")
    var model: String
    @Argument(help: "The prompt; - or nothing reads standard input.")
    var prompt: String?
    @OptionGroup var conversation: ConversationArguments
    @OptionGroup(title: "How to answer") var generation: GenerationArguments
    @Flag(help: "Print every event as one line of JSON; keys are the message's field names.")
    var json = false
    @OptionGroup package var connection: ConnectionOptions

    package init() {}

    package func run(with client: HerdClient) async throws {
        let (prompt, messages) = try conversation.read(prompt: prompt)
        let request = GenerateRequest(
            model: model, messages: messages, prompt: prompt, options: try generation.options())
        var printer = AnswerPrinter()
        for try await event in client.stream(
            HerdMessages.Router.generate, request, timeout: connection.streamTimeout)
        {
            if json {
                try StandardOutput.write(MessageJSON.text(of: event, onOneLine: true) + "\n")
                continue
            }
            switch event.event {
            case .delta(let text)?: try printer.text(text)
            case .reasoning(let text)?: printer.reasoning(text)
            case .toolCall(let delta)?: printer.toolCall(delta)
            case .finish(let finish)?: try printer.finish(finish)
            case nil: break
            }
        }
    }
}
