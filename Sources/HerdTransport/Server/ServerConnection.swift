package import HerdFrames
package import NIOCore

/// One connection of a server: performs on its channel what the state machine and the dispatcher decide.
///
/// All of it runs on the channel's event loop, except `outbox`, through which calls answer from other threads.
package final class ServerConnection: ChannelInboundHandler, @unchecked Sendable {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    package let limits: ConnectionLimits
    package let eventLoop: any EventLoop
    let outbox = Outbox<ServerOutput>()

    // Everything below is touched on the event loop only; that is what makes the class Sendable.
    private let dispatcher: any CallDispatcher
    private let greeting: [String: String]
    private var machine: ServerStateMachine<ServerCall>
    private var input: FrameInput
    private var output = FrameOutput()
    private var taken: [ServerOutput] = []
    private var timer = WakeTimer()
    private var context: ChannelHandlerContext?
    private var helloDeadline = NIODeadline.distantFuture
    /// When a drain ends the calls that are still open.
    private var abandonDeadline = NIODeadline.distantFuture
    /// When a drained connection stops waiting for the client to close it.
    private var lingerDeadline = NIODeadline.distantFuture
    /// When the connection is closed whether or not the client has seen all of it.
    private var closeDeadline = NIODeadline.distantFuture
    private var isReading = true

    /// - Parameter name: What the server's HELLO calls it.
    package init(
        dispatcher: any CallDispatcher, limits: ConnectionLimits, name: String, eventLoop: any EventLoop
    ) {
        self.dispatcher = dispatcher
        self.limits = limits
        self.eventLoop = eventLoop
        greeting = [
            HelloKey.server: name,
            HelloKey.maximumFrameLength: String(limits.maximumFrameLength),
            HelloKey.maximumOpenCalls: String(limits.maximumOpenCalls),
        ]
        machine = ServerStateMachine(maximumOpenCalls: limits.maximumOpenCalls)
        input = FrameInput(maximumFrameLength: limits.maximumFrameLength)
    }

    /// The channel option that makes a channel unwritable at the number of unsent bytes where reading stops.
    package static var waterMark: ChannelOptions.Types.WriteBufferWaterMark {
        .init(low: ConnectionLimits.maximumUnsentBytes / 2, high: ConnectionLimits.maximumUnsentBytes)
    }

    // MARK: - Channel

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { connected() }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    package func channelActive(context: ChannelHandlerContext) {
        connected()
    }

    private func connected() {
        guard helloDeadline == .distantFuture else { return }
        helloDeadline = .now() + limits.helloTimeout
        setTimer()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !machine.hasEnded else { return }
        let arrival = NIODeadline.now()
        act(on: input.receive(unwrapInboundIn(data)) { handle($0, arrival) })
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        flush()
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        resolveCongestion()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        let calls = machine.end()
        timer.cancel()
        input.discard()
        output.discard()
        for (_, call) in calls { call.stop(CallError(.cancelled, "the client is gone")) }
        dispatcher.disconnected()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Resets and the like: the client is gone, which channelInactive deals with.
        context.close(promise: nil)
    }

    // MARK: - Frames

    private func handle(_ frame: FrameView, _ arrival: NIODeadline) -> FrameInput.Continuation {
        switch machine.receive(frame) {
        case .dispatch:
            dispatcher.dispatch(frame, arrival: arrival, on: self)
        case .authorize:
            greet(frame)
        case .refuse(let refusal):
            dispatcher.refused(frame)
            fail(frame.call, refusal.error)
        case .cancel(let call):
            stop(call, CallError(.cancelled, "the caller took the call back"))
        case .credit(let call, let credit):
            call.addCredit(credit)
        case .pong:
            output.append(Frame(.pong), payloadCount: frame.payload.count) { $0.copyMemory(from: frame.payload) }
        case .ignore:
            break
        case .fail(let reason):
            end(reason)
        }
        if machine.hasEnded { return .pause }
        guard output.count > ConnectionLimits.maximumUnsentBytes else { return .more }
        flush()
        return isReading ? .more : .pause
    }

    private func act(on outcome: FrameInput.Outcome) {
        if case .malformed(let error) = outcome { end(GoAway(error)) }
        if machine.hasEnded { input.discard() }
    }

    private func greet(_ hello: FrameView) {
        do throws(CallError) {
            try dispatcher.greet(hello.metadata)
        } catch {
            return end(GoAway(error.code, error.message))
        }
        let goAway = machine.accept()
        output.append(Frame(.hello, metadata: greeting, version: Frame.protocolVersion))
        if let goAway { output.append(goAway.frame) }
    }

    // MARK: - Answers on the event loop

    /// Answers a dispatched request with one packed message of `payloadCount` bytes.
    package func reply(to id: UInt64, payloadCount: Int, _ writePayload: (UnsafeMutableRawBufferPointer) -> Void) {
        let frame = Frame(.end, call: id)
        // A few bytes of header at most: exact only where it matters.
        if payloadCount > limits.maximumFrameLength - 64 {
            let length = frame.packedSize(payloadCount: payloadCount)
            if length > limits.maximumFrameLength {
                return fail(id, .overFrameLimit(length, limit: limits.maximumFrameLength))
            }
        }
        output.append(frame, payloadCount: payloadCount, writePayload)
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
    package func open(
        _ id: UInt64, deadline: NIODeadline, credit: UInt32, endsWithDrain: Bool, start: (ServerCall) -> Void
    ) {
        var opened: ServerCall?
        _ = machine.open(id, deadline: deadline) { token in
            let call = ServerCall(
                token: token, credit: credit == 0 ? Frame.defaultCredit : credit, endsWithDrain: endsWithDrain,
                connection: self)
            opened = call
            return call
        }
        if let opened { start(opened) }
        setTimer()
    }

    private func stop(_ call: ServerCall, _ reason: CallError) {
        call.stop(reason)
        fail(call.token.id, reason)
    }

    // MARK: - Answers from other threads

    /// Asks the event loop to send what is in the outbox.
    func emptyOutbox() {
        eventLoop.execute { self.sendOutbox() }
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
        }
        taken.removeAll(keepingCapacity: taken.count <= 1024)
        flush()
    }

    // MARK: - Back-pressure

    private func flush() {
        guard let context else { return output.discard() }
        output.flush(context)
        resolveCongestion()
        if abandonDeadline != .distantFuture, machine.openCalls == 0, lingerDeadline == .distantFuture {
            lingerDeadline = .now() + ConnectionLimits.lingerTime
            setTimer()
        }
    }

    /// Reads on, and lets streams go on, if and only if the socket keeps up with what is to be sent.
    private func resolveCongestion() {
        guard let context else { return }
        let isWritable = context.channel.isWritable
        if outbox.resolveCongestion(isStalled: !isWritable) {
            machine.forEachCall { $0.wake() }
        }
        guard isWritable != isReading, !machine.hasEnded else { return }
        isReading = isWritable
        try? context.channel.syncOptions?.setOption(.autoRead, value: isReading)
        guard isReading else { return }
        let arrival = NIODeadline.now()
        act(on: input.resume { handle($0, arrival) })
        flush()
    }

    // MARK: - Time

    private func setTimer() {
        let ending = min(abandonDeadline, min(lingerDeadline, closeDeadline))
        let due = min(machine.earliestDeadline, min(helloDeadline, ending))
        timer.wake(at: due, on: eventLoop, self)
    }

    private func timerRang() {
        timer.rang()
        let now = NIODeadline.now()
        if closeDeadline <= now {
            context?.close(promise: nil)
            return
        }
        if helloDeadline <= now {
            helloDeadline = .distantFuture
            if let reason = machine.helloTimedOut() { end(reason) }
        }
        for (_, call) in machine.expire(at: now) {
            stop(call, CallError(.deadlineExceeded, "the deadline passed before the call was done"))
        }
        if abandonDeadline <= now { abandon { _ in true } }
        if lingerDeadline <= now || abandonDeadline <= now { close() }
        flush()
        setTimer()
    }

    // MARK: - The end

    /// Takes no more calls, lets the open ones end, closes: at once where the client closes when it has no open call,
    /// else a moment after the last call, in which late requests get to know that they were not started.
    ///
    /// - Parameter timeout: When calls still open get END UNAVAILABLE.
    package func drain(timeout: TimeAmount) {
        guard abandonDeadline == .distantFuture else { return }
        if let goAway = machine.drain() { output.append(goAway.frame) }
        abandonDeadline = .now() + timeout
        abandon { $0.endsWithDrain }
        flush()
        setTimer()
    }

    /// Ends open calls with END UNAVAILABLE, because the server stops.
    private func abandon(_ isMeant: (ServerCall) -> Bool) {
        for (_, call) in machine.abandon(isMeant) {
            stop(call, CallError(.unavailable, "the server stopped before the call was done"))
        }
    }

    /// Sends what is to be sent, lets the client see it, closes.
    private func close() {
        _ = machine.end()
        output.flushAndShutDown(context)
        helloDeadline = .distantFuture
        abandonDeadline = .distantFuture
        lingerDeadline = .distantFuture
        closeDeadline = .now() + ConnectionLimits.discardTime
        setTimer()
    }

    /// Ends the connection for a reason: GOAWAY, no more writing, input thrown away for a second, close.
    ///
    /// Closing with unread input would reset the connection, and the client would never see the GOAWAY.
    private func end(_ reason: GoAway) {
        for (_, call) in machine.end() {
            call.stop(CallError(.cancelled, "the connection ended: \(reason.message)"))
        }
        output.append(reason.frame)
        if !isReading {
            isReading = true
            try? context?.channel.syncOptions?.setOption(.autoRead, value: true)
        }
        close()
    }
}

/// What a call asks its connection to send.
enum ServerOutput: Sendable {
    case message(CallToken, [UInt8])
    case end(CallToken, [UInt8])
}

extension ServerConnection: NIOScheduledCallbackHandler {
    package func handleScheduledCallback(eventLoop: some EventLoop) {
        timerRang()
    }
}

extension ServerStateMachine.Refusal {
    var error: CallError {
        switch self {
        case .tooManyCalls(let limit):
            CallError(.resourceExhausted, "\(limit) calls are open on this connection; wait for one to end")
        case .draining:
            CallError(
                .unavailable, "the server is stopping; call elsewhere or later",
                metadata: [CallError.notStartedKey: "1"])
        }
    }
}
