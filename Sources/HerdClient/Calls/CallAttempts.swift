import HerdFrames
import HerdTransport
import NIOCore

/// One call as its caller means it: sent once, or again where that is safe.
///
/// What was never sent, or turned down by a server that is leaving, is made again freely: that adds nothing to what
/// servers have to do, so that a drain fails nobody however many calls it meets. Everything else that is made again
/// comes out of the retry budget, so that a herd in trouble is not called more than it would be without trouble.
struct CallAttempts: Sendable {
    let pool: EndpointPool
    let method: String
    let isIdempotent: Bool
    let payload: [UInt8]
    let metadata: [String: String]
    /// nil leaves the deadline to the server.
    let timeout: Duration?
    let credit: UInt32
    /// In place of the configuration's windows, where the call has one of its own.
    var patience: Duration?

    /// How the call began to be answered.
    struct Started {
        /// What to go on with; nil if the call was never sent.
        var attempt: (call: ClientCall, connection: ClientConnection)?
        /// The first message or the outcome.
        var event: ClientCall.Event
    }

    /// Makes the call and waits for the first that comes of it.
    func run() async -> Started {
        let start = NIODeadline.now()
        let deadline = timeout.map { start + $0.timeAmount } ?? .distantFuture
        if deadline <= start { return failure(.deadlineExceeded, "the deadline had passed before the call was made") }
        pool.budget.noteCall()
        var retries = Retries(deadline: deadline)
        while true {
            switch pool.choose(avoiding: retries.tried) {
            case .closed:
                return failure(.cancelled, "the client was closed")
            case .full:
                return failure(.resourceExhausted, "too many calls wait in this client already; make fewer at a time")
            case .pause(let end):
                guard end < lookingEnd(&retries, .now()) else { return notReached(retries.lastError) }
                guard await pause(until: end) else { return takenBack }
            case .connection(let connection, let endpoint):
                let call = ClientCall(
                    method: method, payload: payload, metadata: metadata, deadline: deadline, credit: credit)
                let event = await withTaskCancellationHandler {
                    connection.start(call)
                    return await call.next()
                } onCancel: {
                    connection.cancel(call)
                }
                guard case .end(.failure(let error, let progress)) = event, Self.isPassing(error, progress) else {
                    return Started(attempt: (call, connection), event: event)
                }
                retries.failed(error, progress, on: endpoint, wasGreeted: connection.wasGreeted)
                guard let next = nextAttempt(after: error, progress, &retries) else {
                    return connection.wasGreeted ? Started(event: event) : notReached(retries.lastError)
                }
                if next > .now() {
                    guard await pause(until: next) else { return takenBack }
                }
            }
        }
    }

    /// Whether the server, or the way to it, and not the call is what failed: not there, or with too much to do.
    private static func isPassing(_ error: CallError, _ progress: CallProgress) -> Bool {
        error.code == .unavailable || error.code == .resourceExhausted && progress == .turnedDown
    }

    /// When to make the call again; nil if that is not safe, over the budget or too late.
    private func nextAttempt(
        after error: CallError, _ progress: CallProgress, _ retries: inout Retries
    ) -> NIODeadline? {
        let now = NIODeadline.now()
        let end = lookingEnd(&retries, now)
        // At once where somebody else is there; else the pool paces attempts to connect.
        if progress == .neverStarted { return now < end || pool.hasOther(than: retries.tried) ? now : nil }
        guard now < end else { return nil }
        guard progress == .turnedDown || isIdempotent, retries.count < pool.configuration.maximumRetries else {
            return nil
        }
        var next = now
        if !pool.hasOther(than: retries.tried) {
            // All whose calls were turned away at once are not to come back at once.
            next = now + (error.retryAfter ?? .zero) + Backoff.pause(after: retries.count, pool.configuration)
        }
        guard next < end, pool.budget.takeRetry(at: now) else { return nil }
        retries.count += 1
        return next
    }

    /// Until when the call may look for a server.
    private func lookingEnd(_ retries: inout Retries, _ now: NIODeadline) -> NIODeadline {
        let window = retries.end(from: now, patience ?? pool.configuration.retryWindow)
        return min(retries.deadline, patience == nil ? max(window, pool.expectedUntil) : window)
    }

    private var takenBack: Started { failure(.cancelled, "the caller took the call back") }

    private func failure(_ code: StatusCode, _ message: String) -> Started {
        Started(event: .end(.failure(CallError(code, message), .neverStarted)))
    }

    private func notReached(_ lastError: CallError?) -> Started {
        Started(event: .end(.failure(lastError ?? pool.unreachable(), .neverStarted)))
    }

    /// False if the task was cancelled meanwhile.
    private func pause(until end: NIODeadline) async -> Bool {
        let left = max(0, (end - .now()).nanoseconds)
        return (try? await Task.sleep(for: .nanoseconds(left))) != nil
    }
}

/// What has become of the attempts of one call so far.
private struct Retries {
    let deadline: NIODeadline
    /// The servers it was sent to.
    var tried = EndpointSet()
    /// How often it was made again out of the budget.
    var count = 0
    /// What a server said, or what happened to the call there; nil where none was reached.
    var lastError: CallError?
    private var windowEnd: NIODeadline?
    private var windows = 0

    init(deadline: NIODeadline) {
        self.deadline = deadline
    }

    mutating func failed(_ error: CallError, _ progress: CallProgress, on endpoint: Int, wasGreeted: Bool) {
        tried.insert(endpoint)
        if progress != .neverStarted { lastError = error }
        // A call that waited its turn at a server which then stopped has not begun to look for one. A server that
        // greets and leaves over and over is not followed for ever.
        if wasGreeted, windows < 8 { windowEnd = nil }
    }

    /// Until when the call may look for a server whose deadline allows it, which begins now if it has not before.
    mutating func end(from now: NIODeadline, _ window: Duration) -> NIODeadline {
        let end = windowEnd ?? now + window.timeAmount
        if windowEnd == nil {
            windowEnd = end
            windows += 1
        }
        return end
    }
}

extension CallError {
    /// How long a server asks to wait before the call is made again; nil where it does not say, or not in a number.
    var retryAfter: TimeAmount? {
        guard let text = metadata["retry-after-ms"], let milliseconds = Int64(text), milliseconds >= 0 else {
            return nil
        }
        return Duration.milliseconds(min(milliseconds, 3_600_000)).timeAmount
    }
}
