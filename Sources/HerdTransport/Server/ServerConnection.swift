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
    let dispatcher: any CallDispatcher
    private let greeting: [String: String]
    let statistics: ConnectionStatistics
    /// Nil where nothing is shed.
    private var pressure: ConnectionPressure?
    /// Bytes that came while others were handled.
    private var lateBytes = ByteBuffer()
    /// Why the connection is not to be served at all.
    var refusal: GoAway?
    var machine: ServerStateMachine<ServerCall>
    var liveness: Liveness
    var input: FrameInput
    var output = FrameOutput()
    var taken: [ServerOutput] = []
    var timer = WakeTimer()
    var context: ChannelHandlerContext?
    var helloDeadline = NIODeadline.distantFuture
    /// When a drain ends the calls that are still open.
    var abandonDeadline = NIODeadline.distantFuture
    /// When a drained connection stops waiting for the client to close it.
    var lingerDeadline = NIODeadline.distantFuture
    /// When the connection is closed whether or not the client has seen all of it.
    var closeDeadline = NIODeadline.distantFuture
    /// When the last bytes came, be they handled or kept.
    private var lastRead = NIODeadline.uptimeNanoseconds(0)
    /// Whether input is handled; if not, it is kept, and the channel is not read.
    var isReading = true
    var isChannelRead = true
    var isHandling = false
    /// When the connection's turn began: input is handled for a while only, then other connections are looked at.
    private var turnStart: NIODeadline?
    private var framesOfTurn = 0
    /// The turn is over; the connection is not read until `nextTurn`, which is set when all was sent.
    var isTurnOver = false
    var nextTurn = NIODeadline.distantFuture
    var isFlushing = false
    /// A frame ended in the bytes that are handled now.
    private var hasEndedFrame = false
    /// The HELLO among them was accepted, and what follows it may be longer.
    private var hasJustGreeted = false
    /// Bytes were moved since memory was last given back.
    var isWarm = false
    /// All bytes handed to the channel.
    var bytesWritten: UInt64 = 0
    /// What the statistics do not know yet.
    var uncounted = (received: 0, sent: 0)
    /// Bytes moved since the dispatcher was last told of freed memory.
    var bytesMoved = 0

    /// - Parameters:
    ///   - name: What the server's HELLO calls it.
    ///   - pressure: Of the event loop; without it nothing is shed.
    package init(
        dispatcher: any CallDispatcher, limits: ConnectionLimits, name: String, statistics: ConnectionStatistics,
        pressure: LoopPressure? = nil, eventLoop: any EventLoop
    ) {
        self.dispatcher = dispatcher
        self.limits = limits
        self.statistics = statistics
        self.pressure = pressure.map(ConnectionPressure.init)
        self.eventLoop = eventLoop
        liveness = Liveness(limits: limits, now: .now())
        greeting = [
            HelloKey.server: name,
            HelloKey.maximumFrameLength: String(limits.maximumFrameLength),
            HelloKey.maximumOpenCalls: String(limits.maximumOpenCalls),
        ]
        machine = ServerStateMachine(maximumOpenCalls: limits.maximumOpenCalls)
        input = FrameInput(
            maximumFrameLength: min(limits.maximumFrameLength, ConnectionLimits.maximumFirstFrameLength))
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
            // Frames behind it are judged by the limit it has brought.
            return .pause
        case .refuse(.tooManyCalls) where dispatcher.isStanding(frame):
            // Answered at once, it opens nothing.
            dispatcher.dispatch(frame, arrival: arrival, on: self)
        case .refuse(let refusal):
            turnDown(frame, refusal)
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

    func endTurn() {
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
            loop.passEnded(in: end - now, now: end)
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
    var readsAhead: Bool {
        guard let loop = pressure?.loop, isTurnOver, context?.channel.isWritable == true else { return false }
        return loop.mayReadAhead(input.byteCount)
    }

    // MARK: - Input

    /// Handles frames, which count as having come when the last bytes did, however long they were held back.
    func handleInput(
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
        var outcome = body(&input) { handle($0, arrival) }
        if hasJustGreeted {
            hasJustGreeted = false
            input.maximumFrameLength = limits.maximumFrameLength
            if isReading, !machine.hasEnded { outcome = input.resume { handle($0, arrival) } }
        }
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
            try dispatcher.greet(hello.metadata, on: self)
        } catch {
            let cause: GoAway.Cause =
                switch error.code {
                case .resourceExhausted: .tooManyConnections
                case .unavailable: .outdated
                default: .unauthenticated
                }
            return end(GoAway(error.code, error.message, cause: cause))
        }
        pressure?.join(dispatcher.caller ?? "connection \(ObjectIdentifier(self))")
        let goAway = machine.accept()
        hasJustGreeted = true
        helloDeadline = .distantFuture
        output.append(Frame(.hello, metadata: greeting, version: Frame.protocolVersion))
        setTimer()
        guard let goAway else { return }
        output.append(goAway.frame)
        // The drain has begun and, for all it knew, nothing was open.
        if lingerDeadline != .distantFuture { part() }
    }

    private func turnDown(_ request: FrameView, _ refusal: ServerStateMachine<ServerCall>.Refusal) {
        let error = refusal.error
        dispatcher.refused(request, error.code)
        fail(request.call, error)
    }

    /// Looks again at whether the client may stay; false where it may not: the connection has ended, or takes no more
    /// calls.
    @discardableResult
    package func recheckAccess() -> Bool {
        guard !machine.hasEnded else { return false }
        guard !machine.isAwaitingHello else { return true }
        do throws(CallError) {
            try dispatcher.recheck()
            return true
        } catch {
            if error.code == .unavailable {
                sendAway(error.message)
            } else {
                end(GoAway(error.code, error.message, cause: .unauthenticated))
            }
            return false
        }
    }

    /// The same for a request that is to be dispatched; where it returns false, the request has been turned down, or
    /// the connection has ended.
    package func recheckAccess(before request: FrameView) -> Bool {
        if recheckAccess() { return true }
        if !machine.hasEnded { turnDown(request, .outdated) }
        return false
    }
}

/// What a call asks its connection to send.
enum ServerOutput: Sendable {
    case message(CallToken, [UInt8])
    case end(CallToken, [UInt8])
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
        case .outdated:
            CallError(
                .unavailable, "what this client was let in by has changed; call on a new connection",
                metadata: [CallError.notStartedKey: "1"])
        }
    }
}
