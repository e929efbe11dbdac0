import HerdBackends
import HerdFrames
import HerdMessages
import HerdServices
import Testing

@Suite struct BackendFailureTests {
    private static let meanings: [(BackendError.Kind, Bool, StatusCode, Bool)] = [
        (.unreachable, false, .unavailable, true), (.tls, false, .unavailable, true),
        (.timeout(.firstToken), false, .unavailable, true), (.breakerOpen, false, .unavailable, true),
        (.cutOff, true, .unavailable, true), (.timeout(.betweenTokens), true, .unavailable, true),
        (.badResponse, true, .dataLoss, true), (.badResponse, false, .unavailable, true),
        (.status(code: 503, retryAfterSeconds: nil), false, .unavailable, true),
        (.status(code: 429, retryAfterSeconds: 2), false, .resourceExhausted, true),
        (.overloaded, false, .resourceExhausted, true), (.badRequest(status: 401), false, .failedPrecondition, true),
        (.badRequest(status: 404), false, .failedPrecondition, true),
        (.badRequest(status: 400), false, .invalidArgument, false),
        (.badRequest(status: 422), false, .invalidArgument, false), (.missingKey, false, .failedPrecondition, true),
        (.unknownModel, false, .failedPrecondition, true), (.redirected(host: "h"), false, .failedPrecondition, true),
        (.invalidRequest(field: "f"), false, .invalidArgument, false), (.shutDown, false, .unavailable, false),
    ]

    @Test func failuresHaveTheirCodes() {
        for (kind, hadOutput, code, allows) in Self.meanings {
            let failure = BackendFailure(BackendError(kind, "why"), hadOutput: hadOutput, isPastDeadline: false)
            #expect(failure.code == code && failure.allowsAnotherModel == allows, "\(kind)")
            let late = BackendFailure(BackendError(kind, "why"), hadOutput: hadOutput, isPastDeadline: true)
            #expect(late.code == .deadlineExceeded && !late.allowsAnotherModel, "\(kind)")
        }
        let long = BackendError(.badRequest(status: 400), #"says "type": "exceed_context_size_error""#)
        #expect(BackendFailure(long, hadOutput: false, isPastDeadline: false).allowsAnotherModel)
        let busy = BackendError(.status(code: 429, retryAfterSeconds: 2), "busy")
        let error = BackendFailure(busy, hadOutput: false, isPastDeadline: false).callError()
        #expect(error.metadata["retry-after-ms"] == "2000")
    }

    @Test func tokensHaveTheirPrice() {
        let priced = GenerationPrice(Model(name: "m", priceIn: 1, priceOut: 2, priceCached: 0.5))
        let usage = priced.usage(TokenUsage(prompt: 1_000, completion: 500, cached: 400))
        #expect(abs(usage.costUsd - 0.0018) < 1e-12 && !usage.costEstimated && usage.cachedTokens == 400)
        let plain = GenerationPrice(Model(name: "m", priceIn: 1, priceOut: 2))
        #expect(plain.usage(TokenUsage(prompt: 1_000, completion: 0, cached: 400)).costUsd == 0.001)
        let free = GenerationPrice(Model(name: "m", free: true)).usage(TokenUsage(prompt: 9, completion: 9))
        #expect(free.costUsd == 0 && !free.costEstimated)
        let assumed = GenerationPrice(Model(name: "m")).usage(TokenUsage(prompt: 1_000_000, completion: 0))
        #expect(assumed.costUsd == 10 && assumed.costEstimated)
        let estimated = priced.usage(.estimated(promptBytes: 40, completionBytes: 8))
        #expect(estimated.estimated && estimated.costEstimated && estimated.promptTokens == 10)
    }
}
