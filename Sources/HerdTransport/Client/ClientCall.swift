import NIOConcurrencyHelpers
package import HerdFrames
package import NIOCore

/// What became of a call at its client.
package enum ClientOutcome: Sendable {
    /// END with code 0 and this payload.
    case success([UInt8])
    /// The call failed, having come so far.
    case failure(CallError, CallProgress)
}

/// How far a call that failed had come.
package enum CallProgress: Hashable, Sendable {
    /// It was not sent, or to a server that was leaving and said `not-started`: making it again adds nothing to what
    /// servers have to do, and a connection that is left turns down each call once at most.
    case neverStarted
    /// The server says `not-started`, but takes further calls: nothing was done, though being asked cost it something.
    case turnedDown
    /// It was sent, and may have been run.
    case possiblyStarted
}

/// One call as its client sees it: what is asked, and what has come of it so far.
///
/// One task at a time takes messages and the outcome; the connection delivers from its event loop.
package final class ClientCall: Sendable {
    let method: String
    let payload: [UInt8]
    let metadata: [String: String]
    let deadline: NIODeadline
    /// How many messages may come unasked; 0 for a call that expects none.
    let credit: UInt32
    private let state = NIOLockedValueBox(State())

    private struct State {
        var token: CallToken?
        var isCancelled = false
        var messages = MessageQueue()
        var outcome: ClientOutcome?
        var waiter: UnsafeContinuation<Void, Never>?
    }

    /// - Parameters:
    ///   - payload: The packed request.
    ///   - deadline: When the call fails with DEADLINE_EXCEEDED if it has no outcome; `distantFuture` leaves it to the
    ///     server's default.
    package init(
        method: String, payload: [UInt8], metadata: [String: String], deadline: NIODeadline, credit: UInt32
    ) {
        self.method = method
        self.payload = payload
        self.metadata = metadata
        self.deadline = deadline
        self.credit = credit
    }

    // MARK: - The caller's side

    /// What came next.
    package enum Event: Sendable {
        case message([UInt8])
        case end(ClientOutcome)
    }

    /// The next message or, after the last one, the outcome, as often as it is asked for.
    ///
    /// Takes no notice of the task's cancellation: whoever cancels tells the connection, which ends the call.
    package func next() async -> Event {
        while true {
            let event: Event? = state.withLockedValue { state in
                if let message = state.messages.popFirst() { return .message(message) }
                return state.outcome.map { .end($0) }
            }
            if let event { return event }
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
                let isReady = state.withLockedValue { state in
                    if !state.messages.isEmpty || state.outcome != nil { return true }
                    state.waiter = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        }
    }

    // MARK: - The connection's side

    /// The id under which the call was sent; nil before that.
    var token: CallToken? { state.withLockedValue { $0.token } }

    var isCancelled: Bool { state.withLockedValue { $0.isCancelled } }

    var isFinished: Bool { state.withLockedValue { $0.outcome != nil } }

    func sent(as token: CallToken) {
        state.withLockedValue { $0.token = token }
    }

    /// Notes that the caller took the call back, in case it was not sent yet.
    func cancel() {
        state.withLockedValue { $0.isCancelled = true }
    }

    func deliver(_ message: [UInt8]) {
        let waiter = state.withLockedValue { state in
            state.messages.append(message)
            return state.waiter.take()
        }
        waiter?.resume()
    }

    /// Sets the outcome, unless there is one already, having called `count` before anybody can see it.
    func finish(_ outcome: ClientOutcome, count: () -> Void) {
        let waiter = state.withLockedValue { state -> UnsafeContinuation<Void, Never>? in
            guard state.outcome == nil else { return nil }
            count()
            state.outcome = outcome
            return state.waiter.take()
        }
        waiter?.resume()
    }
}

/// Messages that have come and were not taken, oldest first; credit bounds how many.
private struct MessageQueue {
    private var messages: [[UInt8]] = []
    private var first = 0

    var isEmpty: Bool { first == messages.count }

    mutating func append(_ message: [UInt8]) {
        messages.append(message)
    }

    mutating func popFirst() -> [UInt8]? {
        guard first < messages.count else { return nil }
        let message = messages[first]
        messages[first] = []
        first += 1
        if first == messages.count {
            messages.removeAll(keepingCapacity: true)
            first = 0
        } else if first >= 64, first > messages.count / 2 {
            messages.removeFirst(first)
            first = 0
        }
        return message
    }
}
