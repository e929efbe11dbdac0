package import ArgumentParser
package import HerdClient
import HerdMessages
import HerdReflection

package struct RefineCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "refine",
        abstract: "Have an answer drafted, criticised and rewritten.",
        discussion: """
            The final answer goes to standard output; every draft, critique and rewrite goes to standard error as it comes.
            Without a prompt argument the prompt is read from standard input. Put -- before one that begins with a dash. A
            refinement that breaks off prints the best answer so far and ends with the failure's exit code. Each is kept as
            a transcript for some time: herdctl transcript show ID.

            EXAMPLES
              herdctl refine "Explain entropy in two sentences" --rounds 3
              herdctl refine "Write a haiku" --model mistral-7b --refine-model llama-3-8b --max-seconds 60 > haiku.txt
              herdctl refine "17 * 23?" --draft 381 --model mistral-7b --grader exact --reference 391
            """)

    @Argument(help: "The prompt; - or nothing reads standard input.")
    var prompt: String?
    @OptionGroup var conversation: ConversationArguments
    @Option(help: "How many times the answer is criticised and rewritten at most, 0 to 5; 1 if not given.")
    var rounds: UInt32?
    @Option(help: "The model that drafts; chosen by the router if not given.")
    var model: String?
    @Option(help: "The model that criticises and rewrites; the drafting one if not given.")
    var refineModel: String?
    @Option(help: "An answer to begin with in place of a draft; @FILE reads a file.")
    var draft: String?
    @OptionGroup(title: "Where it stops") var stops: RefinementStopArguments
    @OptionGroup(title: "What is the better answer") var grading: RefinementGradingArguments
    @OptionGroup var routing: RoutingArguments
    @OptionGroup(title: "How to answer") var generation: GenerationArguments
    @Flag(help: "Print every event as one line of JSON; keys are the message's field names.")
    var json = false
    @OptionGroup package var connection: ConnectionOptions

    package init() {}

    package func run(with client: HerdClient) async throws {
        let (prompt, messages) = try conversation.read(prompt: prompt)
        let route = try routing.request(prompt: prompt, messages: messages)
        var request = RefineRequest(route: route, model: model ?? "", refineModel: refineModel ?? "")
        request.roundsChoice = rounds.map { .rounds($0) }
        if let draft {
            request.draft = try Self.text(draft, option: "--draft")
            guard !request.draft.isEmpty else {
                throw CommandFailure("--draft is empty; leave it out to have one written", exitCode: 64)
            }
        }
        request.options = try generation.options()
        request.limits = stops.limits
        request.grader = grading.grader
        request.reference = try grading.reference.map { try Self.text($0, option: "--reference") } ?? ""
        request.keepWorse = grading.keepWorse
        let events = client.stream(
            HerdMessages.Router.refine, request, timeout: connection.streamTimeout,
            metadata: routing.metadata)
        var printer = RefinementPrinter()
        for try await event in events {
            if json {
                try StandardOutput.write(MessageJSON.text(of: event, onOneLine: true) + "\n")
            } else {
                try printer.show(event)
            }
        }
        if !json { try printer.end() }
    }

    /// A text on the command line or in a file.
    private static func text(_ argument: String, option: String) throws(CommandFailure) -> String {
        guard let text = String(validating: try RequestInput.read(argument), as: UTF8.self) else {
            throw CommandFailure("\(option) \(argument) is not valid UTF-8", exitCode: 65)
        }
        return text
    }
}

/// Stops and budgets of a refinement.
struct RefinementStopArguments: ParsableArguments {
    @Option(help: "Tokens that all steps together may take.")
    var maxTokensTotal: UInt64?
    @Option(help: "US dollars that all steps together may cost.")
    var maxCost: Double?
    @Option(help: "Seconds after which it ends with the best answer so far.")
    var maxSeconds: Double?
    @Flag(help: "Rewrite even where the critique finds nothing.")
    var ignoreEmptyCritique = false
    @Flag(help: "Go on even where a rewrite changes nothing.")
    var ignoreNoChange = false

    func validate() throws {
        for (name, limit) in [("--max-cost", maxCost), ("--max-seconds", maxSeconds)] {
            guard let limit, !(limit > 0) else { continue }
            throw ValidationError("\(name) must be over 0, not \(limit); leave it out for no limit")
        }
        if maxTokensTotal == 0 { throw ValidationError("--max-tokens-total must be over 0; leave it out for no limit") }
    }

    /// Nil where nothing is asked for.
    var limits: RefinementLimits? {
        let limits = RefinementLimits(
            maxTokens: maxTokensTotal ?? 0, maxCostUsd: maxCost ?? 0, maxSeconds: maxSeconds ?? 0,
            ignoreEmptyCritique: ignoreEmptyCritique, ignoreNoChange: ignoreNoChange)
        return limits == RefinementLimits() ? nil : limits
    }
}

/// How a refinement's answers are compared.
struct RefinementGradingArguments: ParsableArguments {
    @Option(
        name: .customLong("grader"),
        help: "exact, f1, choice, regex or judge: the answer it gives the best score is the final one.")
    var kind: String?
    @Option(help: "The right answer; @FILE reads a file.")
    var reference: String?
    @Option(help: "Of --grader regex: the pattern a right answer matches.")
    var pattern: String?
    @Option(help: "Of --grader judge: the model that compares the rewrites with the draft.")
    var judgeModel: String?
    @Option(help: "Of --grader judge: what it is to look for.")
    var criteria: String?
    @Flag(help: "Take the last rewrite even where it got a lower score.")
    var keepWorse = false

    func validate() throws {
        guard kind == nil else { return }
        let needing = [
            ("--reference", reference != nil), ("--pattern", pattern != nil), ("--judge-model", judgeModel != nil),
            ("--criteria", criteria != nil), ("--keep-worse", keepWorse),
        ]
        if let (name, _) = needing.first(where: \.1) {
            throw ValidationError("\(name) is for a grader; name one with --grader")
        }
    }

    var grader: HerdMessages.Grader? {
        kind.map {
            HerdMessages.Grader(
                kind: $0, pattern: pattern ?? "", judgeModel: judgeModel ?? "", criteria: criteria ?? "")
        }
    }
}
