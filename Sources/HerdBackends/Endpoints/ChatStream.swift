import NIOConcurrencyHelpers

/// The answer of a model as it comes: at least its first token is there already.
///
/// One task reads it. Whoever lets go of it, cancels it or is cancelled while it reads, ends the transfer at once.
package final class ChatStream: Sendable {
    private struct State {
        var first: [ChatEvent]?
        var hasEnded = false
        var outcome: ChatOutcome?
        var error: BackendError?
    }

    package let model: String
    private let call: ChatCall
    private let began: MonotonicInstant
    /// Those that failed before this one.
    private let earlier: [ChatAttempt]
    private let promptBytes: Int
    private let state: NIOLockedValueBox<State>

    init(
        model: String, call: ChatCall, first: [ChatEvent], began: MonotonicInstant, earlier: [ChatAttempt],
        promptBytes: Int
    ) {
        self.model = model
        self.call = call
        self.began = began
        self.earlier = earlier
        self.promptBytes = promptBytes
        state = NIOLockedValueBox(State(first: first))
    }

    deinit {
        call.cancel()
    }

    /// Base URL of the endpoint that answers.
    package var endpoint: String { call.endpoint }

    /// All events that have come and were not read yet, at least one; nil once the answer is complete.
    ///
    /// While nobody asks, up to `BackendLimits.maximumBacklogBytes` are kept, then the server has to wait. Events that came
    /// before a failure are handed out before it is thrown. A stream that is over tells its end again and again.
    package func nextBatch() async throws(BackendError) -> [ChatEvent]? {
        let (first, ended, error) = state.withLockedValue { state in
            defer { state.first = nil }
            return (state.first, state.hasEnded, state.error)
        }
        if let error { throw error }
        if ended { return nil }
        if Task.isCancelled { call.cancel() }
        if let first, !Task.isCancelled { return first }
        switch await call.next() {
        case .events(let events): return events
        case .end(.succeeded(let report)):
            state.withLockedValue { state in
                state.hasEnded = true
                state.outcome = outcome(report)
            }
            return nil
        case .end(.failed(var error)):
            // The first events were handed over when the stream was opened.
            error.hadOutput = true
            error.attempts =
                earlier + [ChatAttempt(endpoint: endpoint, seconds: call.secondsSoFar, error)]
            state.withLockedValue { [error] state in
                state.hasEnded = true
                state.error = error
            }
            throw error
        }
    }

    /// Ends the transfer now; a reader gets `cancelled`.
    package func cancel() {
        call.cancel()
    }

    /// What is known of the whole call, once `nextBatch` has returned nil.
    package var outcome: ChatOutcome? { state.withLockedValue { $0.outcome } }

    /// What has been used up to now, estimated; for streams that end before the server has told.
    package var usageSoFar: TokenUsage {
        outcome?.usage ?? .estimated(promptBytes: promptBytes, completionBytes: call.completionBytes)
    }

    private func outcome(_ report: TransferReport) -> ChatOutcome {
        ChatOutcome(
            finishReason: report.finishReason, usage: report.usage,
            firstTokenSeconds: report.started.seconds(to: report.firstToken ?? report.ended),
            totalSeconds: began.seconds(to: report.ended), endpoint: endpoint,
            attempts: earlier + [ChatAttempt(endpoint: endpoint, seconds: report.started.seconds(to: report.ended))])
    }
}
