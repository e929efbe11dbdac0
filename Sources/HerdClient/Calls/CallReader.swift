import NIOConcurrencyHelpers
import HerdFrames
import HerdTransport

/// Reads one streaming call, and takes it back when nobody reads it any more.
final class CallReader: Sendable {
    private let attempts: CallAttempts
    private let state = NIOLockedValueBox(State.idle)
    private let payload = NIOLockedValueBox<[UInt8]>([])
    private let hasLease = NIOLockedValueBox(false)

    private enum State {
        case idle
        case starting
        /// - Parameter taken: How many messages were read since credit was last given.
        case reading(ClientCall, ClientConnection, taken: UInt32)
        case ended
    }

    init(_ attempts: CallAttempts) {
        self.attempts = attempts
    }

    deinit { abandon() }

    /// Takes the call back, if it has not ended; nothing more is read.
    fileprivate func abandon() {
        let last = state.withLockedValue { state in
            defer { state = .ended }
            return state
        }
        if case .reading(let call, let connection, _) = last { connection.cancel(call) }
    }

    /// The right to read the call, given out once; nil for whoever comes second.
    func lease() -> ReadingLease? {
        let isFirst = hasLease.withLockedValue { hasLease in
            defer { hasLease = true }
            return !hasLease
        }
        return isFirst ? ReadingLease(self) : nil
    }

    /// The payload of the call's end, once `next` has returned nil.
    var finalPayload: [UInt8] { payload.withLockedValue { $0 } }

    /// The next message; nil at the end. The first time, makes the call.
    ///
    /// For one task at a time. When the task is cancelled, the call is taken back.
    func next() async throws(CallError) -> [UInt8]? {
        let current = state.withLockedValue { state in
            let current = state
            if case .idle = state { state = .starting }
            return current
        }
        switch current {
        case .idle:
            let started = await attempts.run()
            if let (call, connection) = started.attempt {
                state.withLockedValue { $0 = .reading(call, connection, taken: 0) }
            }
            return try take(started.event)
        case .reading(let call, let connection, _):
            let event = await withTaskCancellationHandler {
                await call.next()
            } onCancel: {
                connection.cancel(call)
            }
            return try take(event)
        case .starting, .ended:
            return nil
        }
    }

    private func take(_ event: ClientCall.Event) throws(CallError) -> [UInt8]? {
        switch event {
        case .message(let message):
            giveCredit()
            return message
        case .end(.success(let last)):
            state.withLockedValue { $0 = .ended }
            payload.withLockedValue { $0 = last }
            return nil
        case .end(.failure(let error, _)):
            state.withLockedValue { $0 = .ended }
            throw error
        }
    }

    /// Gives back the credit of the messages read, half of it at a time.
    private func giveCredit() {
        let grant: (call: ClientCall, connection: ClientConnection, credit: UInt32)? = state.withLockedValue { state in
            guard case .reading(let call, let connection, let before) = state else { return nil }
            let taken = before + 1
            let isDue = taken >= max(1, attempts.credit / 2)
            state = .reading(call, connection, taken: isDue ? 0 : taken)
            return isDue ? (call, connection, taken) : nil
        }
        if let grant { grant.connection.grant(grant.credit, to: grant.call) }
    }
}

/// Held by the iterator of a stream: the call is taken back when it is let go of, even where the sequence is still held.
final class ReadingLease: Sendable {
    let reader: CallReader

    fileprivate init(_ reader: CallReader) {
        self.reader = reader
    }

    deinit { reader.abandon() }
}
