import HerdFrames
import HerdTransport
import NIOCore

/// One call as its caller means it: sent once, or again while the server certainly has not started it.
struct CallAttempts: Sendable {
    let endpoint: Endpoint
    let configuration: ClientConfiguration
    let method: String
    let payload: [UInt8]
    let metadata: [String: String]
    /// nil leaves the deadline to the server.
    let timeout: Duration?
    let credit: UInt32

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
        let lastRetry = min(deadline, start + configuration.retryWindow.timeAmount)
        var lastError: CallError?
        var attempts = 0
        while true {
            switch endpoint.choose() {
            case .closed:
                return failure(.cancelled, "the client was closed")
            case .pause(let end):
                guard end < lastRetry else { return notReached(lastError) }
                guard await pause(until: end) else { return failure(.cancelled, "the caller took the call back") }
            case .connection(let connection):
                let call = ClientCall(
                    method: method, payload: payload, metadata: metadata, deadline: deadline, credit: credit)
                let event = await withTaskCancellationHandler {
                    connection.start(call)
                    return await call.next()
                } onCancel: {
                    connection.cancel(call)
                }
                guard case .end(.failure(let error, mayHaveStarted: false)) = event, error.code == .unavailable else {
                    return Started(attempt: (call, connection), event: event)
                }
                lastError = error
                attempts += 1
                // The first time at once; a server that goes on refusing is not to be hammered.
                let next = .now() + (attempts == 1 ? .zero : Backoff.pause(after: attempts - 2, configuration))
                guard next < lastRetry else { return Started(event: event) }
                if attempts == 1 { continue }
                guard await pause(until: next) else { return failure(.cancelled, "the caller took the call back") }
            }
        }
    }

    private func failure(_ code: StatusCode, _ message: String) -> Started {
        Started(event: .end(.failure(CallError(code, message), mayHaveStarted: false)))
    }

    private func notReached(_ lastError: CallError?) -> Started {
        let error =
            lastError
            ?? CallError(.unavailable, "\(endpoint.address) could not be reached a moment ago; it is tried again soon")
        return Started(event: .end(.failure(error, mayHaveStarted: false)))
    }

    /// False if the task was cancelled meanwhile.
    private func pause(until end: NIODeadline) async -> Bool {
        let left = max(0, (end - .now()).nanoseconds)
        return (try? await Task.sleep(for: .nanoseconds(left))) != nil
    }
}
