import HerdFrames
import HerdMessages

/// One kind of request to make over and over.
package struct Workload: Sendable {
    package let name: String
    let method: String
    let isStreaming: Bool
    /// Of a stream, the fields of its messages with which the answer proper begins; empty where any message is it.
    private let answerFields: Set<UInt8>
    let content: Content
    /// Sent along with each request.
    package var metadata: [String: String] = [:]

    enum Content: Sendable {
        case same([UInt8])
        case prompts(PromptSet, pack: @Sendable (String) -> [UInt8])
    }

    private init(
        _ name: String, _ method: String, isStreaming: Bool, answerFields: Set<UInt8> = [], _ content: Content
    ) {
        (self.name, self.method, self.isStreaming) = (name, method, isStreaming)
        (self.answerFields, self.content) = (answerFields, content)
    }

    /// Whether a packed message of the stream is of the answer, and not of what comes before it.
    func beginsAnswer(_ message: UnsafeRawBufferPointer) -> Bool {
        answerFields.isEmpty || message.first.map { answerFields.contains($0 >> 3) } ?? false
    }
}

extension Workload {
    /// `Admin/Health`: what a call costs that does nothing.
    package static let echo = Workload(
        "echo", Admin.health.path, isStreaming: false, .same(HealthRequest().pack()))

    /// `Admin/Probe`: a stream of `count` messages of `bytes` bytes each.
    package static func probe(count: UInt64, bytes: UInt32) -> Workload {
        Workload(
            "probe", Admin.probe.path, isStreaming: true, .same(ProbeRequest(count: count, bytes: bytes).pack()))
    }

    /// `Router/Route`.
    ///
    /// - Parameter policy: empty takes `default`.
    package static func route(_ prompts: PromptSet, policy: String = "") -> Workload {
        Workload(
            "route", Router.route.path, isStreaming: false,
            .prompts(prompts) { RouteRequest(prompt: $0, policy: policy).pack() })
    }

    /// `Router/Complete`; its first token is the first piece of text, thought or call of a tool.
    ///
    /// - Parameter maximumTokens: 0 leaves it to the model's endpoint.
    package static func complete(_ prompts: PromptSet, policy: String = "", maximumTokens: UInt32 = 0) -> Workload {
        // CompleteEvent: delta, tool_call, reasoning, refinement.
        Workload(
            "complete", Router.complete.path, isStreaming: true, answerFields: [2, 3, 4, 6],
            .prompts(prompts) { prompt in
                CompleteRequest(
                    route: RouteRequest(prompt: prompt, policy: policy),
                    options: GenerationOptions(maxTokens: maximumTokens)
                ).pack()
            })
    }

    /// `Router/Refine`; its first token is the first piece of the draft.
    package static func refine(
        _ prompts: PromptSet, policy: String = "", maximumTokens: UInt32 = 0, rounds: UInt32 = 1
    ) -> Workload {
        // RefineEvent: delta, step.
        Workload(
            "refine", Router.refine.path, isStreaming: true, answerFields: [2, 3],
            .prompts(prompts) { prompt in
                var request = RefineRequest(
                    route: RouteRequest(prompt: prompt, policy: policy),
                    options: GenerationOptions(maxTokens: maximumTokens))
                request.roundsChoice = .rounds(rounds)
                return request.pack()
            })
    }
}

/// Prompts to draw from.
package struct PromptSet: Sendable {
    let prompts: [String]
    let repeats: Double

    /// - Parameters:
    ///   - prompts: at least one.
    ///   - repeats: The share of requests, 0..1, that ask one of `prompts` as it is, so that it soon is a repeat. The
    ///     others ask one with a number behind it that makes it a prompt nobody has asked before.
    package init(_ prompts: [String], repeats: Double = 1) {
        precondition(!prompts.isEmpty, "a workload has a prompt at least")
        (self.prompts, self.repeats) = (prompts, repeats)
    }
}
