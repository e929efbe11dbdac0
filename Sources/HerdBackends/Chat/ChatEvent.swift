/// What comes of an answer, in the order of the model's words.
package enum ChatEvent: Sendable, Equatable {
    /// Who speaks; before the first delta, where the server tells.
    case role(String)
    /// More of the answer.
    case text(String)
    /// More of what the model thinks before it answers, of servers that tell it apart.
    case reasoning(String)
    case toolCall(ToolCallDelta)
    /// The model has ended its answer.
    case finish(FinishReason)
    /// Once, after `finish`.
    case usage(TokenUsage)

    /// More of one function call: the first delta of an index has id and name, later ones bring more arguments.
    package struct ToolCallDelta: Sendable, Equatable {
        package var index: Int
        package var id: String?
        package var name: String?
        package var arguments: String

        package init(index: Int, id: String? = nil, name: String? = nil, arguments: String = "") {
            self.index = index
            self.id = id
            self.name = name
            self.arguments = arguments
        }
    }

    /// About the memory it takes while nobody asks for it.
    var cost: Int {
        switch self {
        case .role(let text), .text(let text), .reasoning(let text): 48 + text.utf8.count
        case .toolCall(let delta):
            96 + delta.arguments.utf8.count + (delta.id?.utf8.count ?? 0) + (delta.name?.utf8.count ?? 0)
        case .finish, .usage: 48
        }
    }
}

/// Why a model ended its answer, in the server's word.
package struct FinishReason: RawRepresentable, Hashable, Sendable {
    package var rawValue: String

    package init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// The model was done, or a stop text came.
    package static let stop = FinishReason(rawValue: "stop")
    /// The limit of tokens or the context window was reached.
    package static let length = FinishReason(rawValue: "length")
    package static let toolCalls = FinishReason(rawValue: "tool_calls")
    package static let contentFilter = FinishReason(rawValue: "content_filter")
    /// The server ended its stream in good order without a word about it.
    package static let unstated = FinishReason(rawValue: "unstated")
}

/// The tokens of one call.
package struct TokenUsage: Sendable, Equatable {
    package var prompt: Int
    package var completion: Int
    /// Of those of the prompt, the ones that the server had in its cache.
    package var cached: Int
    /// Whether any of it is reckoned from bytes because the server did not tell.
    package var isEstimated: Bool

    package init(prompt: Int, completion: Int, cached: Int = 0, isEstimated: Bool = false) {
        self.prompt = prompt
        self.completion = completion
        self.cached = cached
        self.isEstimated = isEstimated
    }

    /// Reckoned from bytes of text at four to a token, which fits English prose in common vocabularies.
    package static func estimated(promptBytes: Int, completionBytes: Int) -> TokenUsage {
        TokenUsage(
            prompt: (promptBytes + 3) / 4, completion: (completionBytes + 3) / 4, isEstimated: true)
    }
}

/// How one try of a call at one endpoint went.
package struct ChatAttempt: Sendable, Equatable {
    /// The endpoint's base URL.
    package var endpoint: String
    /// From its start to its end.
    package var seconds: Double
    /// Nil where it succeeded.
    package var failure: BackendError.Kind?
    /// What went wrong, a sentence; empty where it succeeded.
    package var message: String

    package init(endpoint: String, seconds: Double, failure: BackendError.Kind? = nil, message: String = "") {
        self.endpoint = endpoint
        self.seconds = seconds
        self.failure = failure
        self.message = message
    }

    init(endpoint: String, seconds: Double, _ error: BackendError) {
        self.init(endpoint: endpoint, seconds: seconds, failure: error.kind, message: error.message)
    }
}

/// What is known of a call that succeeded, once its stream is over.
package struct ChatOutcome: Sendable, Equatable {
    package var finishReason: FinishReason
    package var usage: TokenUsage
    /// From the start of the last attempt to its first token.
    package var firstTokenSeconds: Double
    /// From `open` to the end of the answer, waiting and failed attempts included.
    package var totalSeconds: Double
    /// The base URL of the endpoint that answered.
    package var endpoint: String
    /// All attempts, the successful one last.
    package var attempts: [ChatAttempt]
}
