import NIOConcurrencyHelpers
package import HerdFrames
package import NIOCore

/// One open call at its server, as the handler that runs it sees it: where its messages and its end go.
///
/// Safe to use from any thread. The connection decides alone when the call is over; what is sent after that is
/// dropped.
package final class ServerCall: Sendable {
    package let token: CallToken
    let endsWithDrain: Bool
    private let connection: ServerConnection
    private let state: NIOLockedValueBox<State>

    private struct State {
        /// How many more messages the client takes.
        var credit: UInt64
        /// Why the call was stopped before its handler was done.
        var stop: CallError?
        var task: Task<Void, Never>?
        var waiters: [UnsafeContinuation<Void, Never>] = []
        /// Told once that the call is over.
        var onEnd: (@Sendable () -> Void)?
    }

    init(
        token: CallToken, credit: UInt32, endsWithDrain: Bool, onEnd: (@Sendable () -> Void)?,
        connection: ServerConnection
    ) {
        self.token = token
        self.endsWithDrain = endsWithDrain
        self.connection = connection
        state = NIOLockedValueBox(State(credit: UInt64(credit), onEnd: onEnd))
    }

    /// Why the call was stopped: CANCELLED, DEADLINE_EXCEEDED or UNAVAILABLE; nil while its handler should go on.
    package var stopReason: CallError? {
        state.withLockedValue { $0.stop }
    }

    // MARK: - The handler's side

    /// Waits until one more message may be sent: the client has given credit for it and the connection has room.
    ///
    /// Throws why the call was stopped, or CANCELLED if the task was. Every return is to be followed by one `send`.
    package func waitForCredit() async throws(CallError) {
        while try !takeCredit() { await waitForRoom(needsCredit: true) }
    }

    /// Waits while the peer does not take what waits for it: what would answer it now would only wait too.
    ///
    /// Throws as `waitForCredit` does.
    package func waitForPeer() async throws(CallError) {
        while connection.outbox.isCongested(asking: false) {
            if let stopReason { throw stopReason }
            if Task.isCancelled { throw CallError(.cancelled, "the task that answers was cancelled") }
            await waitForRoom(needsCredit: false)
        }
    }

    /// Sends one message of the stream; throws RESOURCE_EXHAUSTED if it is over the frame limit.
    package func send(
        payloadCount: Int, _ writePayload: (UnsafeMutableRawBufferPointer) -> Void
    ) throws(CallError) {
        let bytes = try wireBytes(.message, payloadCount, writePayload)
        connection.outbox.push(.message(token, bytes), byteCount: bytes.count, wake: connection.emptyOutbox)
    }

    /// The same for a message that may wait for the next one of the connection, but for no longer than `time`.
    package func send(
        payloadCount: Int, within time: TimeAmount, _ writePayload: (UnsafeMutableRawBufferPointer) -> Void
    ) throws(CallError) {
        let bytes = try wireBytes(.message, payloadCount, writePayload)
        let due = NIODeadline.now() + time
        connection.outbox.push(.message(token, bytes), byteCount: bytes.count, due: due) {
            connection.emptyOutbox(at: due)
        }
    }

    /// Ends the call with one packed message; the call's handler does so exactly once, or `fail`s.
    ///
    /// Throws RESOURCE_EXHAUSTED, and does not end the call, if it is over the frame limit.
    package func end(
        payloadCount: Int, _ writePayload: (UnsafeMutableRawBufferPointer) -> Void
    ) throws(CallError) {
        let bytes = try wireBytes(.end, payloadCount, writePayload)
        over()
        connection.outbox.push(.end(token, bytes), byteCount: bytes.count, wake: connection.emptyOutbox)
    }

    /// Ends the call with an error.
    package func fail(_ error: CallError) {
        let bytes = connection.limits.endFrame(call: token.id, error).wireBytes()
        over()
        connection.outbox.push(.end(token, bytes), byteCount: bytes.count, wake: connection.emptyOutbox)
    }

    private func wireBytes(
        _ kind: Frame.Kind, _ payloadCount: Int, _ writePayload: (UnsafeMutableRawBufferPointer) -> Void
    ) throws(CallError) -> [UInt8] {
        let frame = Frame(kind, call: token.id)
        let length = frame.packedSize(payloadCount: payloadCount)
        guard length <= connection.limits.maximumFrameLength else {
            throw .overFrameLimit(length, limit: connection.limits.maximumFrameLength)
        }
        let size = Frame.lengthPrefixSize + length
        return [UInt8](unsafeUninitializedCapacity: size) { bytes, count in
            count = frame.write(to: UnsafeMutableRawBufferPointer(bytes), payloadCount: payloadCount, writePayload)
        }
    }

    private func takeCredit() throws(CallError) -> Bool {
        let taken: Result<Bool, CallError> = state.withLockedValue { state in
            if let stop = state.stop { return .failure(stop) }
            guard state.credit > 0, !connection.outbox.isCongested(asking: false) else { return .success(false) }
            state.credit -= 1
            return .success(true)
        }
        let isTaken = try taken.get()
        if Task.isCancelled { throw CallError(.cancelled, "the task that sends was cancelled") }
        return isTaken
    }

    private func waitForRoom(needsCredit: Bool) async {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
                let goOn = state.withLockedValue { state in
                    // Looked at under the lock: whoever makes room takes it afterwards to find the waiters.
                    let hasCredit = state.credit > 0 || !needsCredit
                    let hasRoom = hasCredit && !connection.outbox.isCongested(asking: true)
                    if hasRoom || state.stop != nil || Task.isCancelled { return true }
                    state.waiters.append(continuation)
                    return false
                }
                if goOn { continuation.resume() }
            }
        } onCancel: {
            wake()
        }
    }

    // MARK: - The connection's side

    /// The task that runs the handler, cancelled when the call is stopped.
    package func run(_ task: Task<Void, Never>) {
        let isStopped = state.withLockedValue { state in
            state.task = task
            return state.stop != nil
        }
        if isStopped { task.cancel() }
    }

    /// The call is over, and its client gets to know of it next.
    private func over() {
        let onEnd = state.withLockedValue { state in
            defer { state.onEnd = nil }
            return state.onEnd
        }
        onEnd?()
    }

    func stop(_ reason: CallError) {
        over()
        let (task, waiters) = state.withLockedValue { state in
            state.stop = reason
            let found = (state.task, state.waiters)
            state.task = nil
            state.waiters = []
            return found
        }
        task?.cancel()
        for waiter in waiters { waiter.resume() }
    }

    func addCredit(_ credit: UInt32) {
        state.withLockedValue { state in
            let (sum, overflow) = state.credit.addingReportingOverflow(UInt64(credit))
            state.credit = overflow ? .max : sum
        }
        wake()
    }

    /// Lets the senders that wait look again.
    func wake() {
        let waiters = state.withLockedValue { state in
            let waiters = state.waiters
            state.waiters = []
            return waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}

extension CallError {
    /// What is to be sent does not fit into one frame.
    package static func overFrameLimit(_ length: Int, limit: Int) -> CallError {
        CallError(
            .resourceExhausted,
            "the message takes a frame of \(length) bytes, over the limit of \(limit); ask for less at once")
    }
}

extension ConnectionLimits {
    /// END with an error, shortened where what it says would not fit into a frame.
    func endFrame(call: UInt64, _ error: CallError) -> Frame {
        let frame = Frame(.end, call: call, code: error.code, message: error.message, metadata: error.metadata)
        let size = frame.packedSize(payloadCount: 0)
        guard size > maximumFrameLength || error.metadata.count > FrameView.maximumMetadataCount else { return frame }
        return Frame(.end, call: call, code: error.code, message: "the error's text is over the frame limit")
    }
}
