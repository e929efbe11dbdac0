package import HerdFrames
package import NIOCore
package import NIOPosix
import Synchronization

/// One connection of a client, from the attempt to connect to its end: performs on its channel what the state machine
/// decides.
///
/// Calls may be started at once; they are sent when the server has said HELLO, or fail as never started. All of it runs
/// on one event loop, except `outbox` and the two atomics, through which callers reach it from their own threads.
package final class ClientConnection: ChannelInboundHandler, @unchecked Sendable {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    /// What became of the connection.
    package enum Event: Sendable {
        /// The server's HELLO has come.
        case greeted
        /// No further call is sent; open ones go on. Comes at most once, and not after the end.
        ///
        /// - Parameter isStopping: whether the server stops; else one of the two closes a connection without calls.
        case leaving(isStopping: Bool)
        /// It is over, for the reason given; comes once, last.
        case ended(CallError)
    }

    package let eventLoop: any EventLoop
    let peer: String
    let outbox = Outbox<ClientInput>()
    private let callCounter = Atomic<Int>(0)
    private let greetedFlag = Atomic<Bool>(false)
    private let limits: ConnectionLimits
    /// The metadata of HELLO, complete once it is connected.
    private var greeting: [String: String]
    private let onEvent: @Sendable (ClientConnection, Event) -> Void

    // Everything below is touched on the event loop only; that is what makes the class Sendable.
    var machine = ClientStateMachine<ClientCall>()
    private var input: FrameInput
    var output = FrameOutput()
    var taken: [ClientInput] = []
    private var timer = WakeTimer()
    var keepAlive: KeepAlive
    var context: ChannelHandlerContext?
    private var helloDeadline = NIODeadline.distantFuture
    private var closeDeadline = NIODeadline.distantFuture
    /// Calls that wait for the connection or for others to end, because the server takes so many at once.
    var waiting = WaitingCalls()
    var isLeaving = false
    /// Waiting calls are being sent, which flushing may ask for anew.
    var isSending = false
    /// No call is sent any more.
    var hasFailed = false
    /// What the newest PING came with that is not answered, because the server does not take what it is sent.
    private var owedPong: [UInt8]?
    /// What went wrong with the channel, to be told when it closes.
    private var channelError: (any Error)?

    /// - Parameters:
    ///   - peer: Whom it connects to, for errors.
    ///   - greeting: The metadata of the client's HELLO.
    ///   - onEvent: Called on the event loop.
    package init(
        peer: String, greeting: [String: String], limits: ConnectionLimits, keepAlive: KeepAlive,
        eventLoop: any EventLoop, onEvent: @escaping @Sendable (ClientConnection, Event) -> Void
    ) {
        self.peer = peer
        self.greeting = greeting
        self.limits = limits
        self.keepAlive = keepAlive
        self.eventLoop = eventLoop
        self.onEvent = onEvent
        input = FrameInput(maximumFrameLength: limits.maximumFrameLength)
    }

    // MARK: - From any thread

    /// How many calls are open or wait here.
    package var callCount: Int { callCounter.load(ordering: .relaxed) }

    /// Whether the server's HELLO came, be the connection over or not.
    package var wasGreeted: Bool { greetedFlag.load(ordering: .relaxed) }

    /// Counts a call that is to be started on it now.
    package func reserve() {
        callCounter.wrappingAdd(1, ordering: .relaxed)
    }

    /// Connects; a failure fails the calls started so far as never started.
    ///
    /// - Parameters:
    ///   - resolver: Finds the addresses of a name; nil asks the system.
    ///   - security: What is to be found out before; nil for nothing.
    package func connect(
        to address: EndpointAddress, timeout: TimeAmount, resolver: (any Resolver & Sendable)? = nil,
        security: ConnectionSecurity? = nil
    ) {
        guard let security else { return dial(address, timeout, resolver, tls: nil) }
        // Files may be on a disk that takes its time.
        NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) {
            try security.tls?.prepare()
            return try security.credential?() ?? [:]
        }.whenComplete { result in
            switch result {
            case .success(let credential):
                self.greeting.merge(credential) { $1 }
                self.dial(address, timeout, resolver, tls: security.tls)
            case .failure(let error):
                self.fail(
                    error as? CallError
                        ?? CallError(
                            .failedPrecondition, "cannot connect to \(self.peer): \(error)", cause: error))
            }
        }
    }

    private func dial(
        _ address: EndpointAddress, _ timeout: TimeAmount, _ resolver: (any Resolver & Sendable)?, tls: ClientTLS?
    ) {
        eventLoop.execute {
            // A name may stand for several addresses, and each that is tried gets a channel of its own: this handler is
            // added to the one that connected, which is not read before.
            let bootstrap = ClientBootstrap(group: self.eventLoop)
                .connectTimeout(timeout)
                .channelOption(.autoRead, value: false)
                .resolver(resolver)
            address.connect(bootstrap).flatMapThrowing { channel in
                do {
                    if let tls, case .network(let host, _) = address { try tls.secure(channel, host: host) }
                    try channel.pipeline.syncOperations.addHandler(self)
                    try channel.syncOptions?.setOption(.autoRead, value: true)
                } catch {
                    channel.close(promise: nil)
                    throw error
                }
            }.whenFailure { error in
                let reason = ConnectFailure(error: error)
                self.fail(CallError(.unavailable, "cannot connect to \(self.peer): \(reason)", cause: error))
            }
        }
    }

    /// Sends a call for which `reserve` was called as soon as possible; its outcome is delivered to it.
    package func start(_ call: ClientCall) {
        outbox.push(.start(call), wake: wake)
    }

    /// Takes the call back: its outcome is CANCELLED unless it has one.
    package func cancel(_ call: ClientCall) {
        call.cancel()
        outbox.push(.cancel(call), wake: wake)
    }

    /// Lets the server send so many more messages.
    package func grant(_ credit: UInt32, to call: ClientCall) {
        outbox.push(.credit(call, credit), wake: wake)
    }

    /// Gives up the calls that wait because the connection is not there yet, so that they can be made elsewhere.
    package func handBack() {
        outbox.push(.handBack, wake: wake)
    }

    /// Starts no new calls and closes when the open ones have ended.
    package func closeWhenIdle() {
        outbox.push(.retire, wake: wake)
    }

    /// Fails the open calls as CANCELLED and closes.
    package func close() {
        outbox.push(.close, wake: wake)
    }

    private func wake() {
        eventLoop.execute { self.receiveInput() }
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
        guard !hasFailed else {
            context?.close(promise: nil)
            return
        }
        guard helloDeadline == .distantFuture else { return }
        helloDeadline = .now() + limits.helloTimeout
        output.append(Frame(.hello, metadata: greeting, version: Frame.protocolVersion))
        flush()
        setTimer()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !machine.hasEnded else { return }
        keepAlive.heard(at: .now())
        let outcome = input.receive(unwrapInboundIn(data)) { frame in
            handle(frame)
            return machine.hasEnded ? .pause : .more
        }
        if case .malformed(let error) = outcome { end(GoAway(error)) }
        if machine.hasEnded { input.discard() }
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        sendWaiting()
        flush()
        setTimer()
        retireIfDone()
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable, !hasFailed, owedPong != nil || !waiting.isEmpty else { return }
        if let payload = owedPong {
            owedPong = nil
            output.append(Frame(.pong, payload: payload))
        }
        sendWaiting()
        flush()
        setTimer()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        let reason = channelError.map { ": \(ConnectFailure(error: $0))" } ?? ""
        let what = channelError.map { ConnectFailure.isOfHandshake($0) } ?? false
        fail(
            CallError(
                .unavailable,
                what ? "cannot connect to \(peer)\(reason)" : "the connection to \(peer) was lost\(reason)",
                cause: channelError))
        timer.cancel()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        channelError = channelError ?? error
        context.close(promise: nil)
    }

    // MARK: - Frames

    private func handle(_ frame: FrameView) {
        switch machine.receive(frame) {
        case .end(let call):
            finish(call, outcome(of: frame))
        case .message(let call):
            call.deliver([UInt8](frame.payload))
        case .greeted:
            helloDeadline = .distantFuture
            greetedFlag.store(true, ordering: .relaxed)
            if !isLeaving { onEvent(self, .greeted) }
        case .overrun(let call):
            output.append(Frame(.cancel, call: frame.call))
            finish(call, .failure(call.overrunError, .possiblyStarted))
        case .drain(let isIdle):
            leave(isStopping: !isIdle)
        case .refused(let reason):
            fail(reason.callError(peer: peer))
            context?.close(promise: nil)
        case .pong:
            pong(frame.payload.prefix(ConnectionLimits.maximumPongPayload))
        case .ignore:
            break
        case .fail(let reason):
            end(reason)
        }
    }

    /// Answers a PING; of those of a server that does not read only the last, once it does.
    private func pong(_ payload: Slice<UnsafeRawBufferPointer>) {
        let frame = Frame(.pong, payload: [UInt8](payload))
        if output.count > Self.longestBurst { flush() }
        if context?.channel.isWritable == true {
            output.append(frame)
        } else {
            owedPong = frame.payload
        }
    }

    private func outcome(of end: FrameView) -> ClientOutcome {
        guard end.code == .ok else {
            let error = CallError(end.code, end.message, metadata: end.metadata)
            guard error.isNotStarted else { return .failure(error, .possiblyStarted) }
            return .failure(error, machine.takesCalls ? .turnedDown : .neverStarted)
        }
        return .success([UInt8](end.payload))
    }

    func finish(_ call: ClientCall, _ outcome: ClientOutcome) {
        // Whoever sees the call ended has room for another one.
        call.finish(outcome) { callCounter.wrappingSubtract(1, ordering: .relaxed) }
    }

    // MARK: - Time

    func setTimer() {
        let calls = min(machine.earliestDeadline, waiting.earliestDeadline)
        let due = min(min(calls, keepAlive.deadline), min(helloDeadline, closeDeadline))
        timer.wake(at: due, on: eventLoop, self)
    }

    private func timerRang() {
        timer.rang()
        let now = NIODeadline.now()
        if closeDeadline <= now {
            context?.close(promise: nil)
            return
        }
        if helloDeadline <= now, let reason = machine.helloTimedOut() {
            end(reason, CallError(.unavailable, "\(peer) took the connection but said no HELLO in time"))
        }
        for (id, call) in machine.expire(at: now) {
            output.append(Frame(.cancel, call: id))
            finish(call, .expired(.possiblyStarted))
        }
        for call in waiting.removeExpired(at: now) { finish(call, .expired(.neverStarted)) }
        switch keepAlive.rang(at: now, hasOpenCalls: machine.openCalls > 0) {
        case .nothing: break
        case .ping: output.append(Frame(.ping))
        case .lost:
            fail(CallError(.unavailable, "\(peer) does not answer any more, not even a PING"))
            context?.close(promise: nil)
        }
        sendWaiting()
        flush()
        setTimer()
        retireIfDone()
    }

    func flush() {
        guard !output.isEmpty, let context, context.channel.isActive else { return }
        let bytes = output.take()
        context.writeAndFlush(NIOAny(bytes), promise: nil)
        output.reuse(bytes)
    }

    // MARK: - The end

    func leave(isStopping: Bool) {
        guard !isLeaving, !hasFailed else { return }
        isLeaving = true
        onEvent(self, .leaving(isStopping: isStopping))
    }

    /// A connection that takes no calls is closed with its last one.
    func retireIfDone() {
        guard isLeaving, !hasFailed, machine.openCalls == 0, waiting.isEmpty else { return }
        fail(CallError(.unavailable, "the connection to \(peer) is closed"))
        timer.cancel()
        context?.close(promise: nil)
    }

    /// Fails everything: the sent calls with `error`, the others as never started.
    func fail(_ error: CallError) {
        guard !hasFailed else { return }
        hasFailed = true
        output.discard()
        helloDeadline = .distantFuture
        // First, so that whoever makes a failed call again finds the connection gone.
        onEvent(self, .ended(error))
        for (_, call) in machine.end() { finish(call, .failure(error, .possiblyStarted)) }
        // Calls still in the outbox find the connection failed when they are taken out.
        failWaiting(error)
    }

    /// The server broke the rules.
    private func end(_ reason: GoAway) {
        end(reason, CallError(.unavailable, "the server at \(peer) broke the protocol: \(reason.message)"))
    }

    /// GOAWAY, no more writing, input thrown away for a second, close.
    private func end(_ reason: GoAway, _ error: CallError) {
        fail(error)
        output.append(reason.frame)
        flush()
        context?.close(mode: .output, promise: nil)
        closeDeadline = .now() + ConnectionLimits.discardTime
        setTimer()
    }
}

/// What callers ask of their connection.
enum ClientInput: Sendable {
    case start(ClientCall)
    case cancel(ClientCall)
    case credit(ClientCall, UInt32)
    case handBack
    case retire
    case close
}

extension ClientConnection: NIOScheduledCallbackHandler {
    package func handleScheduledCallback(eventLoop: some EventLoop) {
        timerRang()
    }
}

extension ClientOutcome {
    static func cancelled(_ progress: CallProgress) -> ClientOutcome {
        .failure(CallError(.cancelled, "the caller took the call back"), progress)
    }

    static func expired(_ progress: CallProgress) -> ClientOutcome {
        let event = progress == .neverStarted ? "the call could be sent" : "the answer came"
        return .failure(CallError(.deadlineExceeded, "the deadline passed before \(event)"), progress)
    }
}

extension ClientCall {
    var overrunError: CallError {
        credit == 0
            ? CallError(.internal, "\(method) answers with a stream; call it as one")
            : CallError(.internal, "the server sent more messages of \(method) than it had credit for")
    }
}

extension GoAway {
    /// What the open calls of a connection that the server ended so fail with.
    ///
    /// Who may not come in, or speaks another version, will not fare better elsewhere. Whatever else the server found
    /// fault with says nothing about the single call.
    func callError(peer: String) -> CallError {
        let isFinal = [.unauthenticated, .permissionDenied, .failedPrecondition].contains(code)
        return CallError(isFinal ? code : .unavailable, "the server at \(peer) ended the connection: \(message)")
    }
}
