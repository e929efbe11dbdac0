import HerdFrames
import NIOCore

/// Sending calls, and taking them back.
extension ClientConnection {
    func receiveInput() {
        outbox.takeAll(&taken)
        for item in taken {
            switch item {
            case .start(let call):
                if !call.isFinished { waiting.append(call) }
            case .cancel(let call): cancelCall(call)
            case .credit(let call, let credit):
                guard let token = call.token, machine.addCredit(credit, to: token) else { continue }
                output.append(Frame(.credit, call: token.id, credit: credit))
            case .handBack:
                if machine.isAwaitingHello {
                    failWaiting(CallError(.unavailable, "\(peer) has not answered yet, another server has"))
                }
            case .retire: leave(isStopping: false)
            case .close:
                fail(CallError(.cancelled, "the client was closed"))
                context?.close(promise: nil)
            }
        }
        taken.removeAll(keepingCapacity: taken.count <= 1024)
        sendWaiting()
        flush()
        setTimer()
        retireIfDone()
    }

    /// Sends the calls that wait, as many as the server takes.
    func sendWaiting() {
        if hasFailed || isLeaving {
            return failWaiting(CallError(.unavailable, "the connection to \(peer) takes no more calls"))
        }
        sendAsManyAsTaken()
        guard keepAlive.isResting, machine.openCalls > 0 else { return }
        if keepAlive.callOpened(at: .now()) == .ping { output.append(Frame(.ping)) }
    }

    /// No more than the socket takes, too: requests wait as they are, rather than a second time in its buffers.
    private func sendAsManyAsTaken() {
        guard !isSending, !waiting.isEmpty, let channel = context?.channel, channel.isWritable else { return }
        isSending = true
        while machine.hasRoom, let call = waiting.popFirst() {
            send(call)
            if output.count > Self.longestBurst {
                flush()
                if !channel.isWritable { break }
            }
        }
        isSending = false
    }

    /// In bytes, give or take a frame.
    static let longestBurst = 256 << 10

    private func send(_ call: ClientCall) {
        guard !call.isCancelled else { return finish(call, .cancelled(.neverStarted)) }
        var frame = Frame(.request, method: call.method, metadata: call.metadata, credit: call.credit)
        if call.deadline != .distantFuture {
            frame.timeoutMicroseconds = UInt64(clamping: (call.deadline - .now()).nanoseconds / 1000)
            // A call with nothing left is never sent: 0 would ask for the server's default.
            if frame.timeoutMicroseconds == 0 { return finish(call, .expired(.neverStarted)) }
        }
        // With the longest id, so that the check does not depend on it.
        frame.call = .max
        let length = frame.packedSize(payloadCount: call.payload.count)
        guard length <= machine.maximumFrameLength else {
            let error = CallError.overFrameLimit(length, limit: machine.maximumFrameLength)
            return finish(call, .failure(error, .neverStarted))
        }
        let token = machine.start(deadline: call.deadline, credit: call.credit) { _ in call }
        call.sent(as: token)
        frame.call = token.id
        output.append(frame, payloadCount: call.payload.count) { target in
            call.payload.withUnsafeBytes { target.copyMemory(from: $0) }
        }
    }

    private func cancelCall(_ call: ClientCall) {
        guard let token = call.token else {
            // It still waits here, or is about to be started and will be found to have its outcome.
            finish(call, .cancelled(.neverStarted))
            waiting.wasTakenBack()
            return
        }
        if machine.cancel(token) {
            output.append(Frame(.cancel, call: token.id))
            finish(call, .cancelled(.possiblyStarted))
        }
    }

    func failWaiting(_ error: CallError) {
        while let call = waiting.popFirst() { finish(call, .failure(error, .neverStarted)) }
    }
}
