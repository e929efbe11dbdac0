package import HerdBackends
package import HerdFrames

/// What a model's failure means to a caller: a status code, and whether another model may be asked instead.
///
/// | what happened | code | another model |
/// |---|---|---|
/// | not reached, TLS, broken off, no token in time, all endpoints rest, 5xx | UNAVAILABLE | yes |
/// | busy: 429, queue full, all endpoints asked for a pause | RESOURCE_EXHAUSTED, `retry-after-ms` where known | yes |
/// | the answer is over `router.backends.max_answer_bytes` | RESOURCE_EXHAUSTED | yes |
/// | key missing or refused (401, 402, 403), model or path unknown (404, 405, 410), no endpoint, a redirect | FAILED_PRECONDITION | yes |
/// | prompt over the model's context | INVALID_ARGUMENT | yes |
/// | request refused (other 4xx), wrong JSON in it | INVALID_ARGUMENT | no |
/// | the caller's deadline passed | DEADLINE_EXCEEDED | no |
/// | what came was no chat completion, or has lines too long for one | UNAVAILABLE; once something was passed on, DATA_LOSS | yes |
/// | broken off or silent once something was passed on | UNAVAILABLE | no |
package struct BackendFailure: Sendable {
    package let code: StatusCode
    package let message: String
    /// Whether another model may be asked instead, as long as nothing was passed on.
    package let allowsAnotherModel: Bool
    private let retryAfterSeconds: Double?

    /// - Parameters:
    ///   - hadOutput: whether anything was passed on to the caller.
    ///   - isPastDeadline: whether the caller's own deadline has passed.
    package init(_ error: BackendError, hadOutput: Bool, isPastDeadline: Bool) {
        message = error.message
        retryAfterSeconds = error.retryAfterSeconds
        if isPastDeadline {
            code = .deadlineExceeded
            allowsAnotherModel = false
        } else {
            (code, allowsAnotherModel) = Self.meaning(of: error.kind, message: error.message, hadOutput: hadOutput)
        }
    }

    package static func meaning(
        of kind: BackendError.Kind, message: String = "", hadOutput: Bool = false
    ) -> (StatusCode, allowsAnotherModel: Bool) {
        switch kind {
        case .unreachable, .tls, .timeout(.connect), .timeout(.firstToken), .timeout(.betweenTokens), .cutOff,
            .breakerOpen:
            (.unavailable, true)
        // The longest time an answer may take, which is the router's and not the caller's.
        case .timeout(.total): (.unavailable, false)
        case .status(429, _), .overloaded, .answerTooLong: (.resourceExhausted, true)
        case .status: (.unavailable, true)
        case .badRequest(401), .badRequest(402), .badRequest(403), .badRequest(404), .badRequest(405),
            .badRequest(410), .missingKey, .unknownModel, .redirected:
            (.failedPrecondition, true)
        case .badRequest: (.invalidArgument, isTooLong(message))
        case .invalidRequest: (.invalidArgument, false)
        case .badResponse, .tooLarge: (hadOutput ? .dataLoss : .unavailable, true)
        case .cancelled: (.cancelled, false)
        case .shutDown: (.unavailable, false)
        }
    }

    /// Whether a server says in one of the usual words that the prompt is over the model's context, which another model's
    /// may take.
    private static func isTooLong(_ message: String) -> Bool {
        ["exceed_context_size", "context_length_exceeded", "maximum context length"].contains { word in
            message.utf8.count >= word.utf8.count && message.contains(word)
        }
    }

    /// - Parameter note: added to the sentence.
    package func callError(_ note: String = "") -> CallError {
        var metadata: [String: String] = [:]
        if let retryAfterSeconds, code == .resourceExhausted || code == .unavailable {
            metadata["retry-after-ms"] = "\(Int64(max(0, min(retryAfterSeconds, 3_600)) * 1_000))"
        }
        return CallError(code, note.isEmpty ? message : "\(message) \(note)", metadata: metadata)
    }
}
