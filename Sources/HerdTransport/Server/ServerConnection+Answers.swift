package import HerdFrames
package import NIOCore

/// What calls answer, on the event loop and from other threads, and how it reaches the socket.
extension ServerConnection {
    // MARK: - Answers on the event loop

    /// Answers a dispatched request with one packed message of `payloadCount` bytes.
    package func reply(to id: UInt64, payloadCount: Int, _ writePayload: (UnsafeMutableRawBufferPointer) -> Void) {
        // A few bytes of header at most: exact only where it matters.
        if payloadCount > limits.maximumFrameLength - 64 {
            let length = Frame.endWireSize(call: id, payloadCount: payloadCount) - Frame.lengthPrefixSize
            if length > limits.maximumFrameLength {
                return fail(id, .overFrameLimit(length, limit: limits.maximumFrameLength))
            }
        }
        output.appendEnd(call: id, payloadCount: payloadCount, writePayload)
    }

    /// Answers a dispatched request with an error.
    package func fail(_ id: UInt64, _ error: CallError) {
        output.append(limits.endFrame(call: id, error))
    }

    /// Opens a dispatched request that is answered later; `start` begins its work and gives it to `ServerCall.run`.
    ///
    /// - Parameters:
    ///   - credit: The request's; 0 stands for 64.
    ///   - endsWithDrain: Whether the call ends as soon as the server drains, as a watch does, which never ends itself.
    ///   - onEnd: Called once when the call is over, before its client can know.
    package func open(
        _ id: UInt64, deadline: NIODeadline, credit: UInt32, endsWithDrain: Bool,
        onEnd: (@Sendable () -> Void)? = nil, start: (ServerCall) -> Void
    ) {
        var opened: ServerCall?
        _ = machine.open(id, deadline: deadline) { token in
            let call = ServerCall(
                token: token, credit: credit == 0 ? Frame.defaultCredit : credit, endsWithDrain: endsWithDrain,
                onEnd: onEnd, connection: self)
            opened = call
            return call
        }
        if let opened { start(opened) }
        setTimer()
    }

    func stop(_ call: ServerCall, _ reason: CallError) {
        if machine.openCalls == 0 { liveness.called(at: .now()) }
        call.stop(reason)
        fail(call.token.id, reason)
    }

    // MARK: - Answers from other threads

    /// Asks the event loop to send what is in the outbox.
    func emptyOutbox() {
        eventLoop.execute { self.sendOutbox() }
    }

    /// Asks it to do so at `due`, where nothing makes it do so before.
    func emptyOutbox(at due: NIODeadline) {
        eventLoop.scheduleTask(deadline: due) { [weak self] in
            self?.outbox.lookIsDue()
            self?.sendOutbox()
        }
    }

    private func sendOutbox() {
        outbox.takeAll(&taken)
        for item in taken {
            switch item {
            case .message(let token, let bytes):
                if machine.isOpen(token) { output.append(wireBytes: bytes) }
            case .end(let token, let bytes):
                if machine.finish(token) { output.append(wireBytes: bytes) }
            }
            // In pieces: a thousand long answers at once must not make one buffer.
            if output.count > ConnectionLimits.maximumUnsentBytes { write() }
        }
        taken.removeAll(keepingCapacity: taken.count <= 1024)
        if machine.openCalls == 0 {
            liveness.called(at: .now())
            setTimer()
        }
        flush()
        warmUp()
    }

    // MARK: - Back-pressure

    func flush() {
        if abandonDeadline != .distantFuture, machine.openCalls == 0, lingerDeadline == .distantFuture { part() }
        write()
        resolveCongestion()
    }

    func write() {
        guard let context else { return output.discard() }
        guard !output.isEmpty else { return }
        let bytes = output.take()
        let count = bytes.readableBytes
        bytesWritten += UInt64(count)
        uncounted.sent += count
        if uncounted.received + uncounted.sent >= 64 << 10 { publishTransfer() }
        isFlushing = true
        context.writeAndFlush(NIOAny(bytes), promise: nil)
        isFlushing = false
        output.reuse(bytes)
    }

    func publishTransfer() {
        statistics.transferred(received: uncounted.received, sent: uncounted.sent)
        bytesMoved += uncounted.received + uncounted.sent
        uncounted = (0, 0)
    }

    /// Reads on, and lets streams go on, if and only if the socket keeps up with what is to be sent; does not read while
    /// it is not the connection's turn.
    func resolveCongestion() {
        guard let context else { return }
        let isWritable = context.channel.isWritable
        if outbox.resolveCongestion(isStalled: !isWritable) {
            machine.forEachCall { $0.wake() }
        }
        guard !machine.hasEnded else { return }
        let isToRead = isWritable && !isTurnOver
        if isToRead != isReading {
            isReading = isToRead
            if isReading && !isHandling {
                // Frames that were held back; in the middle of handling that goes on by itself.
                handleInput(at: .now(), byteCount: input.byteCount) { input, handle in input.resume(handle) }
                endTurn()
                return flush()
            }
        }
        guard !isHandling else { return }
        readChannel(isReading || readsAhead)
        if isTurnOver && nextTurn == .distantFuture {
            // Counted from here, lest it be due at once, in the same round of the event loop.
            nextTurn = .now() + ConnectionLimits.turnPause
            timer.wake(at: nextTurn, on: eventLoop, self)
        }
    }

    func readChannel(_ isRead: Bool) {
        guard isRead != isChannelRead else { return }
        isChannelRead = isRead
        try? context?.channel.syncOptions?.setOption(.autoRead, value: isRead)
    }
}
