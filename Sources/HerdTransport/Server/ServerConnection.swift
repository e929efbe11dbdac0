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
    /// Rises from one burst to the next: frames with the same number came before any of them was handled.
    package private(set) var burst: UInt64 = 0
    let outbox = Outbox<ServerOutput>()

    // Everything below is touched on the event loop only; that is what makes the class Sendable.
    private let dispatcher: any CallDispatcher
    private let greeting: [String: String]
    private let statistics: ConnectionStatistics
    /// Nil where nothing is shed.
    private var pressure: ConnectionPressure?
    /// Bytes that came while others were handled.
    private var lateBytes = ByteBuffer()
    /// Why the connection is not to be served at all.
    private let refusal: GoAway?
    private var machine: ServerStateMachine<ServerCall>
    private var liveness: Liveness
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
    /// When the last bytes came, be they handled or kept.
    private var lastRead = NIODeadline.uptimeNanoseconds(0)
    /// Whether input is handled; if not, it is kept, and the channel is not read.
    private var isReading = true
    private var isChannelRead = true
    private var isHandling = false
    /// When the connection's turn began: input is handled for a while only, then other connections are looked at.
    private var turnStart: NIODeadline?
    private var framesOfTurn = 0
    /// The turn is over; the connection is not read until `nextTurn`, which is set when all was sent.
    private var isTurnOver = false
    private var nextTurn = NIODeadline.distantFuture
    private var isFlushing = false
    /// A frame ended in the bytes that are handled now.
    private var hasEndedFrame = false
    /// Bytes were moved since memory was last given back.
    private var isWarm = false
    /// All bytes handed to the channel.
    private var bytesWritten: UInt64 = 0
    /// What the statistics do not know yet.
    private var uncounted = (received: 0, sent: 0)
    /// Bytes moved since the dispatcher was last told of freed memory.
    private var bytesMoved = 0

    /// - Parameters:
    ///   - name: What the server's HELLO calls it.
    ///   - refusal: The GOAWAY that the connection gets instead of being served.
    ///   - pressure: Of the event loop; without it nothing is shed.
    package init(
        dispatcher: any CallDispatcher, limits: ConnectionLimits, name: String, statistics: ConnectionStatistics,
        refusal: GoAway? = nil, pressure: LoopPressure? = nil, eventLoop: any EventLoop
    ) {
        self.dispatcher = dispatcher
        self.limits = limits
        self.statistics = statistics
        self.refusal = refusal
        self.pressure = pressure.map(ConnectionPressure.init)
        self.eventLoop = eventLoop
        liveness = Liveness(limits: limits, now: .now())
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

    /// The channel option that bounds what a channel keeps for its next read: of 10,000 connections most are idle.
    package static var receiveAllocator: AdaptiveRecvByteBufferAllocator {
        AdaptiveRecvByteBufferAllocator(minimum: 256, initial: 1024, maximum: 16 << 10)
    }

    /// The channel option that bounds how often a channel is read before others are: its turn, which goes by time, ends
    /// sooner, and what is not read cannot be seen to wait.
    package static let readsPerTurn: UInt = 16

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
        guard helloDeadline == .distantFuture, !machine.hasEnded else { return }
        statistics.accept()
        if let refusal { return end(refusal) }
        helloDeadline = .now() + limits.helloTimeout
        setTimer()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        uncounted.received += bytes.readableBytes
        guard !machine.hasEnded else { return }
        guard !isHandling else {
            // A write failed, and the channel hands out the rest before it closes.
            lateBytes.writeImmutableBuffer(bytes)
            return
        }
        let now = NIODeadline.now()
        if liveness.heard(at: now) { setTimer() }
        guard isReading else {
            // Its frames count as having come when the turn ended.
            input.keep(bytes)
            pressure?.setAhead(isTurnOver ? input.byteCount : 0)
            return readChannel(readsAhead)
        }
        lastRead = now
        measurePass(from: now)
        handleInput(at: now, byteCount: input.byteCount + bytes.readableBytes) { input, handle in
            input.receive(bytes, handle)
        }
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        guard !isHandling else { return }
        if !isTurnOver { noteBacklog() }
        endTurn()
        flush()
        warmUp()
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        // While frames are handled or bytes written, whoever does so looks when it is done.
        if !isHandling && !isFlushing { resolveCongestion() }
    }

    package func channelInactive(context: ChannelHandlerContext) {
        let calls = machine.end()
        timer.cancel()
        pressure?.leave()
        publishTransfer()
        output.discard()
        if !isHandling { input.discard() }
        for (_, call) in calls { call.stop(CallError(.cancelled, "the client is gone")) }
        tellOfFreedMemory()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if ServerTLS.isFailedHandshake(error) { statistics.handshakeFailed() }
        // Resets and the like: the client is gone, which channelInactive deals with.
        context.close(promise: nil)
    }

    // MARK: - Frames

    private func handle(_ frame: FrameView, _ arrival: NIODeadline) -> FrameInput.Continuation {
        hasEndedFrame = true
        switch machine.receive(frame) {
        case .dispatch:
            liveness.called(at: arrival)
            if pressure?.isShedding == true {
                dispatchOrShed(frame, arrival)
            } else {
                dispatcher.dispatch(frame, arrival: arrival, on: self)
            }
        case .authorize:
            greet(frame)
        case .refuse(.tooManyCalls) where dispatcher.isStanding(frame):
            // Answered at once, it opens nothing.
            dispatcher.dispatch(frame, arrival: arrival, on: self)
        case .refuse(let refusal):
            let error = refusal.error
            dispatcher.refused(frame, error.code)
            fail(frame.call, error)
        case .cancel(let call):
            stop(call, CallError(.cancelled, "the caller took the call back"))
        case .credit(let call, let credit):
            call.addCredit(credit)
        case .pong:
            let payload = UnsafeRawBufferPointer(
                rebasing: frame.payload.prefix(ConnectionLimits.maximumPongPayload))
            output.append(Frame(.pong), payloadCount: payload.count) { $0.copyMemory(from: payload) }
        case .part:
            close()
        case .ignore:
            break
        case .fail(let reason):
            end(reason)
        }
        if machine.hasEnded { return .pause }
        if output.count > ConnectionLimits.maximumUnsentBytes { flush() }
        endTurnIfLong()
        return isReading && !machine.hasEnded ? .more : .pause
    }

    /// Gives way to other connections when this one was heard for long.
    ///
    /// The event loop comes back from its tasks to its sockets only when no task is due: the next turn is a little off.
    private func endTurnIfLong() {
        framesOfTurn &+= 1
        // Looking at the clock costs as much as a short call.
        guard framesOfTurn & 15 == 0, let turnStart, !machine.hasEnded else { return }
        let now = NIODeadline.now()
        guard now - turnStart > pressure?.turnTime ?? ConnectionLimits.turnTime else { return }
        isTurnOver = true
        isReading = false
    }

    private func endTurn() {
        turnStart = nil
        pressure?.turnBegan()
    }

    // MARK: - Overload

    /// For servers whose handlers run on the event loop: whoever finds that calls wait says so.
    package var loopPressure: LoopPressure? { pressure?.loop }

    /// Dispatches a request where that is within the caller's share, and sheds it where it is not.
    private func dispatchOrShed(_ frame: FrameView, _ arrival: NIODeadline) {
        guard let loop = pressure?.loop else { return }
        if pressure?.beginsRound(at: lastRead) == true {
            eventLoop.execute { loop.roundEnded(use: .current, now: .now()) }
        }
        guard pressure?.admits() == true || dispatcher.isAlwaysAnswered(frame) else {
            loop.shed(now: lastRead)
            guard dispatcher.shed(frame, arrival: arrival, on: self) else { return }
            return output.append(wireBytes: Self.overloaded, call: frame.call)
        }
        let start = NIODeadline.now()
        dispatcher.dispatch(frame, arrival: arrival, on: self)
        pressure?.handledCall(in: .now() - start)
    }

    /// The END of a call that is shed, without the call.
    private static let overloaded = Frame(
        .end, code: .resourceExhausted, message: "more calls come than this server can answer; try again later",
        metadata: [
            "retry-after-ms": String(LoopPressure.retryAfterMilliseconds), CallError.notStartedKey: "1",
        ]
    ).wireBytes()

    /// Now and then measures how long the event loop takes to come round to all its connections.
    private func measurePass(from now: NIODeadline) {
        guard let loop = pressure?.loop, loop.measuresPass(now: now) else { return }
        // Tasks come when the loop has looked at all its sockets.
        eventLoop.execute {
            let end = NIODeadline.now()
            loop.waited(end - now, now: end)
        }
    }

    /// Tells of input that a turn was too short for.
    private func noteBacklog() {
        let isLong = pressure?.mayHaveMore(isOver: isTurnOver, hasEndedFrame: hasEndedFrame) ?? false
        guard isLong, !machine.hasEnded, let context else {
            pressure?.noteWaiting(0, since: nil)
            return
        }
        pressure?.noteWaiting(input.byteCount + SocketQueue.unreadBytes(of: context.channel), since: turnStart)
    }

    /// Whether the channel is read while it is not the connection's turn: only what is here can be seen to wait.
    private var readsAhead: Bool {
        guard let loop = pressure?.loop, isTurnOver, context?.channel.isWritable == true else { return false }
        return loop.mayReadAhead(input.byteCount)
    }

    // MARK: - Input

    /// Handles frames, which count as having come when the last bytes did, however long they were held back.
    private func handleInput(
        at now: NIODeadline, byteCount: Int,
        _ body: (inout FrameInput, (FrameView) -> FrameInput.Continuation) -> FrameInput.Outcome
    ) {
        let arrival = lastRead
        if turnStart == nil {
            turnStart = now
            framesOfTurn = 0
            pressure?.turnBegan()
        }
        isHandling = true
        hasEndedFrame = false
        burst &+= 1
        let outcome = body(&input) { handle($0, arrival) }
        isHandling = false
        pressure?.handled(came: byteCount, left: input.byteCount)
        if lateBytes.readableBytes > 0 {
            input.keep(lateBytes)
            lateBytes = ByteBuffer()
        }
        pressure?.setAhead(isTurnOver ? input.byteCount : 0)
        dispatcher.burstEnded()
        if isTurnOver { noteBacklog() }
        if case .malformed(let error) = outcome { end(GoAway(error)) }
        if machine.hasEnded {
            input.discard()
        } else if !input.isEmpty && isReading {
            liveness.frameGoesOn(at: now, isNew: hasEndedFrame)
            setTimer()
        } else {
            liveness.frameEnded()
        }
    }

    private func greet(_ hello: FrameView) {
        do throws(CallError) {
            try dispatcher.greet(hello.metadata)
        } catch {
            return end(GoAway(error.code, error.message, cause: .unauthenticated))
        }
        pressure?.join(dispatcher.caller ?? "connection \(ObjectIdentifier(self))")
        let goAway = machine.accept()
        helloDeadline = .distantFuture
        output.append(Frame(.hello, metadata: greeting, version: Frame.protocolVersion))
        setTimer()
        guard let goAway else { return }
        output.append(goAway.frame)
        // The drain has begun and, for all it knew, nothing was open.
        if lingerDeadline != .distantFuture { part() }
    }

    /// Looks again at whether the client may stay; false where the connection has ended, perhaps for that.
    @discardableResult
    package func recheckAccess() -> Bool {
        guard !machine.hasEnded else { return false }
        guard !machine.isAwaitingHello else { return true }
        do throws(CallError) {
            try dispatcher.recheck()
            return true
        } catch {
            end(GoAway(error.code, error.message, cause: .unauthenticated))
            return false
        }
    }

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

    private func stop(_ call: ServerCall, _ reason: CallError) {
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

    private func flush() {
        if abandonDeadline != .distantFuture, machine.openCalls == 0, lingerDeadline == .distantFuture { part() }
        write()
        resolveCongestion()
    }

    private func write() {
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

    private func publishTransfer() {
        statistics.transferred(received: uncounted.received, sent: uncounted.sent)
        bytesMoved += uncounted.received + uncounted.sent
        uncounted = (0, 0)
    }

    /// Reads on, and lets streams go on, if and only if the socket keeps up with what is to be sent; does not read while
    /// it is not the connection's turn.
    private func resolveCongestion() {
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
                write()
                return resolveCongestion()
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

    private func readChannel(_ isRead: Bool) {
        guard isRead != isChannelRead else { return }
        isChannelRead = isRead
        try? context?.channel.syncOptions?.setOption(.autoRead, value: isRead)
    }

    // MARK: - Time

    private func setTimer() {
        let ending = min(abandonDeadline, min(lingerDeadline, closeDeadline))
        var due = min(min(machine.earliestDeadline, nextTurn), min(helloDeadline, ending))
        if !machine.hasEnded {
            due = min(due, liveness.due(hasCalls: machine.openCalls > 0, isGreeted: !machine.isAwaitingHello))
            if isWarm { due = min(due, liveness.quietAt) }
        }
        timer.wake(at: due, on: eventLoop, self)
    }

    private func timerRang() {
        timer.rang()
        let now = NIODeadline.now()
        if closeDeadline <= now {
            context?.close(promise: nil)
            return
        }
        if nextTurn <= now {
            nextTurn = .distantFuture
            isTurnOver = false
        }
        checkLiveness(at: now)
        if helloDeadline <= now {
            helloDeadline = .distantFuture
            if let reason = machine.helloTimedOut() { end(reason) }
        }
        for (_, call) in machine.expire(at: now) {
            stop(call, CallError(.deadlineExceeded, "the deadline passed before the call was done"))
        }
        if abandonDeadline <= now { abandon { _ in true } }
        if lingerDeadline <= now && unsentBytes > 0 {
            // It still takes answers, or pauses: the drain's own end and keep-alive say how long that may go on.
            lingerDeadline = now + ConnectionLimits.lingerTime
        }
        if lingerDeadline <= now || abandonDeadline <= now { close() }
        flush()
        setTimer()
    }

    private func checkLiveness(at now: NIODeadline) {
        guard !machine.hasEnded else { return }
        // Before anything is concluded from silence.
        let due = liveness.due(hasCalls: machine.openCalls > 0, isGreeted: !machine.isAwaitingHello)
        if due <= now || liveness.isQuiet(at: now) { noteProgress(at: now) }
        while !machine.hasEnded {
            switch liveness.check(at: now, hasCalls: machine.openCalls > 0, isGreeted: !machine.isAwaitingHello) {
            case .none:
                if isWarm && liveness.isQuiet(at: now) { giveMemoryBack() }
                return
            case .ping: ping()
            case .giveUp: end(.halfOpen(after: (limits.keepaliveInterval + limits.keepaliveTimeout).text))
            case .frameOverdue: end(.frameTimeout(after: limits.frameTimeout.text))
            case .sendAway:
                guard let goAway = machine.sendAway(after: limits.idleTimeout.text) else { continue }
                statistics.ended(.idle)
                output.append(goAway.frame)
                part()
            }
        }
    }

    private func ping() {
        machine.pinged()
        output.append(Frame(.ping))
    }

    /// How many bytes the system has not taken yet.
    private var unsentBytes: Int {
        (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    /// Notes how much of what was sent the peer's system has taken.
    private func noteProgress(at now: NIODeadline) {
        guard let context else { return }
        let unsent = unsentBytes
        let inFlight = SocketQueue.unacknowledgedBytes(of: context.channel)
        let rest = UInt64(clamping: unsent + inFlight)
        liveness.took(bytes: bytesWritten - min(bytesWritten, rest), rest: rest, at: now)
    }

    /// Bytes were moved: sees to it that the memory they took is given back once it is quiet.
    private func warmUp() {
        guard !isWarm else { return }
        isWarm = true
        setTimer()
    }

    /// Gives back what was kept so that the next burst finds it.
    private func giveMemoryBack() {
        isWarm = false
        publishTransfer()
        input.giveMemoryBack()
        output.giveMemoryBack()
        taken = []
        outbox.giveMemoryBack()
        tellOfFreedMemory()
    }

    private func tellOfFreedMemory() {
        guard bytesMoved > ConnectionLimits.minimumFreedBytes else { return }
        bytesMoved = 0
        dispatcher.freedMemory()
    }

    // MARK: - The end

    /// Takes no more calls, lets the open ones end, closes: with the client where it closes when it has no open call,
    /// else once it has answered a PING sent after the last call, so that late requests get to know that they were not
    /// started.
    ///
    /// - Parameter timeout: When calls still open get END UNAVAILABLE.
    package func drain(timeout: TimeAmount) {
        guard !machine.hasEnded else { return }
        if let goAway = machine.drain() { output.append(goAway.frame) }
        abandonDeadline = min(abandonDeadline, .now() + timeout)
        abandon { $0.endsWithDrain }
        flush()
        setTimer()
    }

    /// The last call of a connection that takes no more has ended: waits for what the client sent before it knew.
    private func part() {
        if machine.beginParting() { ping() }
        lingerDeadline =
            .now() + (machine.isAwaitingHello ? ConnectionLimits.silentLingerTime : ConnectionLimits.lingerTime)
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
        if machine.isAwaitingHello { output.append(GoAway.stopped.frame) }
        _ = machine.end()
        write()
        context?.close(mode: .output, promise: nil)
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
        statistics.ended(reason.cause)
        output.append(reason.frame)
        isReading = true
        readChannel(true)
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
        case .idle:
            CallError(
                .unavailable, "the connection was idle for long and is being closed; call on a new one",
                metadata: [CallError.notStartedKey: "1"])
        }
    }
}
