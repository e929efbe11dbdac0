/// Why a call to a model failed. Never contains a key: what servers say is cut short and cleared of it.
package struct BackendError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Which of the time-outs passed.
    package enum Phase: String, Sendable, Hashable {
        case connect
        case firstToken
        case betweenTokens
        /// The deadline of the whole call.
        case total
    }

    package enum Kind: Sendable, Hashable {
        /// No connection: refused, no route, unknown host.
        case unreachable
        /// The certificate is not trusted, has expired or is another host's, or the handshake failed.
        case tls
        case timeout(Phase)
        /// An answer that tells of trouble at the server: 408, 409, 425, 429, 5xx.
        case status(code: Int, retryAfterSeconds: Double?)
        /// The request was refused: any other 4xx. The same request would be refused again.
        case badRequest(status: Int)
        /// Not the stream of a chat completion: wrong JSON, bad UTF-8, an error inside the stream.
        case badResponse
        /// A line of the answer or its header is longer than any server has use for.
        case tooLarge
        /// The answer is longer than this pool allows, in bytes, which is not the server's fault.
        case answerTooLong(limit: Int)
        /// Redirects are not followed: a key must not travel to another host.
        case redirected(host: String)
        /// The connection ended before the answer did.
        case cutOff
        case cancelled
        /// The queue of the model is full, or its endpoints asked for a longer pause than there is time.
        case overloaded
        /// All endpoints of the model failed lately and rest.
        case breakerOpen
        /// The key that the endpoint's configuration refers to cannot be had.
        case missingKey
        /// No endpoints are known for the model.
        case unknownModel
        /// The request cannot be sent, whatever the endpoint; the field is named as in `tools[2].parameters`.
        case invalidRequest(field: String)
        /// The pool has been shut down.
        case shutDown
    }

    package var kind: Kind
    /// A sentence or two for a person, with the endpoint and the remedy.
    package var message: String
    /// Base URL; nil where no endpoint was asked.
    package var endpoint: String?
    /// Whether any of the answer came before it. Then the call must not be made again in silence.
    package var hadOutput: Bool
    /// All that were made, this failure the last.
    package var attempts: [ChatAttempt]
    /// In how many seconds an endpoint may be asked again, where that is known: of `status` what the server asked for.
    package var retryAfterSeconds: Double?

    package init(
        _ kind: Kind, _ message: String, endpoint: String? = nil, hadOutput: Bool = false, attempts: [ChatAttempt] = []
    ) {
        self.kind = kind
        self.message = message
        self.endpoint = endpoint
        self.hadOutput = hadOutput
        self.attempts = attempts
        if case .status(_, let seconds) = kind { retryAfterSeconds = seconds }
    }

    package var description: String { message }

    /// Where the same request may be tried again.
    enum RetryScope {
        case nowhere
        /// At other endpoints only: this one would answer the same.
        case elsewhere
        case anywhere
    }

    var retryScope: RetryScope {
        guard !hadOutput else { return .nowhere }
        switch kind {
        case .unreachable, .timeout(.connect), .status, .cutOff: return .anywhere
        case .tls, .timeout(.firstToken), .timeout(.betweenTokens), .badResponse, .tooLarge, .answerTooLong,
            .redirected, .missingKey:
            return .elsewhere
        case .badRequest, .timeout(.total), .cancelled, .overloaded, .breakerOpen, .unknownModel, .invalidRequest,
            .shutDown:
            return .nowhere
        }
    }

    /// Whether it tells of a sick endpoint; a server that is only busy (429) or turns a request down is not. Calls that were
    /// given up before their first token are judged by how long they had waited: `EndpointSet.ended`.
    var countsAgainstEndpoint: Bool {
        switch kind {
        case .status(let code, _): code != 429
        case .unreachable, .tls, .timeout(.connect), .timeout(.betweenTokens), .badResponse, .tooLarge, .redirected,
            .cutOff:
            true
        case .timeout(.firstToken), .timeout(.total), .badRequest, .cancelled, .overloaded, .breakerOpen, .missingKey,
            .unknownModel, .answerTooLong, .invalidRequest, .shutDown:
            false
        }
    }

    /// It answered as a server should that works, if not as the caller would like.
    var saysServerWorks: Bool {
        switch kind {
        case .badRequest, .status(429, _), .answerTooLong: true
        default: false
        }
    }

    /// The endpoint's server did not answer at all, or not yet.
    var isSilence: Bool {
        switch kind {
        case .unreachable, .timeout(.connect), .timeout(.firstToken), .cutOff: true
        case .timeout(.total), .cancelled: !hadOutput
        default: false
        }
    }
}

extension BackendError.Kind {
    /// A word for counters: `unreachable`, `timeout_first_token`, `status_5xx`.
    package var label: String {
        switch self {
        case .unreachable: "unreachable"
        case .tls: "tls"
        case .timeout(.connect): "timeout_connect"
        case .timeout(.firstToken): "timeout_first_token"
        case .timeout(.betweenTokens): "timeout_between_tokens"
        case .timeout(.total): "timeout_total"
        case .status(429, _): "status_429"
        case .status(let code, _): code >= 500 ? "status_5xx" : "status_4xx"
        case .badRequest: "bad_request"
        case .badResponse: "bad_response"
        case .tooLarge: "too_large"
        case .answerTooLong: "answer_too_long"
        case .redirected: "redirected"
        case .cutOff: "cut_off"
        case .cancelled: "cancelled"
        case .overloaded: "overloaded"
        case .breakerOpen: "breaker_open"
        case .missingKey: "missing_key"
        case .unknownModel: "unknown_model"
        case .invalidRequest: "invalid_request"
        case .shutDown: "shut_down"
        }
    }
}
