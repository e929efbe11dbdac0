import NIOConcurrencyHelpers
import HerdFrames
package import NIOCore
import NIOPosix

/// One connection of a client, from the attempt to connect to its end: performs on its channel what the state machine
/// decides.
///
/// Calls may be started at once; they are sent when the connection is there, or fail as not started. All of it runs on
/// one event loop, except `outbox` and `status`, through which callers reach it from their own threads.
package final class ClientConnection: ChannelInboundHandler, @unchecked Sendable {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    /// What others see of the connection.
    package struct Status: Sendable {
        /// Whether a new call would be sent; false once and for all when the server goes away.
        package var takesCalls = true
        /// Whether the server's HELLO has come.
        package var isGreeted = false
    }

    package let eventLoop: any EventLoop
    private let outbox = Outbox<ClientInput>()
    private let sharedStatus = NIOLockedValueBox(Status())
    private let limits: ConnectionLimits
    private let greeting: [String: String]

    // Everything below is touched on the event loop only; that is what makes the class Sendable.
    private var machine = ClientStateMachine<ClientCall>()
    private var input: FrameInput
    private var output = FrameOutput()
    private var taken: [ClientInput] = []
    private var timer = WakeTimer()
    private var context: ChannelHandlerContext?
    private var helloDeadline = NIODeadline.distantFuture
    private var closeDeadline = NIODeadline.distantFuture
    /// Calls that wait for the connection or for others to end, because the server takes so many at once.
    private var waiting = WaitingCalls()
    /// No call is sent any more.
    private var hasFailed = false

    /// - Parameter greeting: The metadata of the client's HELLO.
    package init(greeting: [String: String], limits: ConnectionLimits, eventLoop: any EventLoop) {
        self.greeting = greeting
        self.limits = limits
        self.eventLoop = eventLoop
        input = FrameInput(maximumFrameLength: limits.maximumFrameLength)
    }

    package var status: Status { sharedStatus.withLockedValue { $0 } }

    // MARK: - From any thread

    /// Connects; a failure fails the calls started so far as not started.
    package func connect(to address: EndpointAddress, timeout: TimeAmount) {
        eventLoop.execute {
            let bootstrap = ClientBootstrap(group: self.eventLoop)
                .connectTimeout(timeout)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(self)
                    }
                }
            address.connect(bootstrap).whenFailure { error in
                let reason = (error as? NIOConnectionError)?.connectionErrors.first?.error ?? error
                self.fail(CallError(.unavailable, "cannot connect to \(address): \(reason)", cause: error))
            }
        }
    }

    /// Sends the call as soon as possible; its outcome is delivered to it.
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
        sendWaiting()
        flush()
        setTimer()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !machine.hasEnded else { return }
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
        retireIfDone()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        fail(CallError(.unavailable, "the connection was lost"))
        timer.cancel()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    // MARK: - Frames

    private func handle(_ frame: FrameView) {
        switch machine.receive(frame) {
        case .end(let call):
            call.finish(outcome(of: frame))
        case .message(let call):
            call.deliver([UInt8](frame.payload))
        case .greeted:
            helloDeadline = .distantFuture
            sharedStatus.withLockedValue { $0.isGreeted = true }
        case .overrun(let call):
            output.append(Frame(.cancel, call: frame.call))
            call.finish(.failure(call.overrunError, mayHaveStarted: true))
        case .drain:
            takeNoCalls()
        case .refused(let reason):
            fail(CallError(reason.code, "the server ended the connection: \(reason.message)"))
            context?.close(promise: nil)
        case .pong:
            output.append(Frame(.pong), payloadCount: frame.payload.count) { $0.copyMemory(from: frame.payload) }
        case .ignore:
            break
        case .fail(let reason):
            end(reason)
        }
    }

    private func outcome(of end: FrameView) -> ClientOutcome {
        guard end.code == .ok else {
            let error = CallError(end.code, end.message, metadata: end.metadata)
            return .failure(error, mayHaveStarted: !error.isNotStarted)
        }
        return .success([UInt8](end.payload))
    }

    // MARK: - Calls

    private func receiveInput() {
        outbox.takeAll(&taken)
        for item in taken {
            switch item {
            case .start(let call): waiting.append(call)
            case .cancel(let call): cancelCall(call)
            case .credit(let call, let credit):
                guard let token = call.token, machine.addCredit(credit, to: token) else { continue }
                output.append(Frame(.credit, call: token.id, credit: credit))
            case .retire: takeNoCalls()
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
    private func sendWaiting() {
        if hasFailed || !machine.takesCalls || status.takesCalls == false {
            return failWaiting(CallError(.unavailable, "the connection takes no more calls"))
        }
        guard context?.channel.isActive == true else { return }
        while machine.hasRoom, let call = waiting.popFirst() { send(call) }
    }

    private func send(_ call: ClientCall) {
        guard !call.isCancelled else { return call.finish(.cancelled(mayHaveStarted: false)) }
        var frame = Frame(.request, method: call.method, metadata: call.metadata, credit: call.credit)
        if call.deadline != .distantFuture {
            frame.timeoutMicroseconds = UInt64(clamping: (call.deadline - .now()).nanoseconds / 1000)
            // A call with nothing left is never sent: 0 would ask for the server's default.
            if frame.timeoutMicroseconds == 0 { return call.finish(.expired(mayHaveStarted: false)) }
        }
        // With the longest id, so that the check does not depend on it.
        frame.call = .max
        let length = frame.packedSize(payloadCount: call.payload.count)
        guard length <= machine.maximumFrameLength else {
            let error = CallError.overFrameLimit(length, limit: machine.maximumFrameLength)
            return call.finish(.failure(error, mayHaveStarted: false))
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
            // It still waits here, or is about to be started and then finds itself cancelled.
            if waiting.remove(call) { call.finish(.cancelled(mayHaveStarted: false)) }
            return
        }
        if machine.cancel(token) {
            output.append(Frame(.cancel, call: token.id))
            call.finish(.cancelled(mayHaveStarted: true))
        }
    }

    private func failWaiting(_ error: CallError) {
        while let call = waiting.popFirst() { call.finish(.failure(error, mayHaveStarted: false)) }
    }

    // MARK: - Time

    private func setTimer() {
        let due = min(min(machine.earliestDeadline, waiting.earliestDeadline), min(helloDeadline, closeDeadline))
        timer.wake(at: due, on: eventLoop, self)
    }

    private func timerRang() {
        timer.rang()
        let now = NIODeadline.now()
        if closeDeadline <= now {
            context?.close(promise: nil)
            return
        }
        if helloDeadline <= now, let reason = machine.helloTimedOut() { end(reason) }
        for (id, call) in machine.expire(at: now) {
            output.append(Frame(.cancel, call: id))
            call.finish(.expired(mayHaveStarted: true))
        }
        for call in waiting.removeExpired(at: now) { call.finish(.expired(mayHaveStarted: false)) }
        sendWaiting()
        flush()
        setTimer()
        retireIfDone()
    }

    private func flush() {
        guard !output.isEmpty, let context, context.channel.isActive else { return }
        let bytes = output.take()
        context.writeAndFlush(NIOAny(bytes), promise: nil)
        output.reuse(bytes)
    }

    // MARK: - The end

    private func takeNoCalls() {
        sharedStatus.withLockedValue { $0.takesCalls = false }
    }

    /// A connection that takes no calls is closed with its last one.
    private func retireIfDone() {
        guard !hasFailed, machine.openCalls == 0, waiting.isEmpty, !status.takesCalls else { return }
        hasFailed = true
        _ = machine.end()
        timer.cancel()
        context?.close(promise: nil)
    }

    /// Fails everything: the sent calls with `error`, the others as never started.
    private func fail(_ error: CallError) {
        guard !hasFailed else { return }
        hasFailed = true
        takeNoCalls()
        output.discard()
        helloDeadline = .distantFuture
        for (_, call) in machine.end() { call.finish(.failure(error, mayHaveStarted: true)) }
        // Calls still in the outbox find the connection failed when they are taken out.
        failWaiting(error)
    }

    /// The server broke the rules: GOAWAY, no more writing, input thrown away for a second, close.
    private func end(_ reason: GoAway) {
        fail(CallError(.unavailable, "the connection ended, for the server broke the protocol: \(reason.message)"))
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
    case retire
    case close
}

extension ClientConnection: NIOScheduledCallbackHandler {
    package func handleScheduledCallback(eventLoop: some EventLoop) {
        timerRang()
    }
}

extension ClientOutcome {
    static func cancelled(mayHaveStarted: Bool) -> ClientOutcome {
        .failure(CallError(.cancelled, "the caller took the call back"), mayHaveStarted: mayHaveStarted)
    }

    static func expired(mayHaveStarted: Bool) -> ClientOutcome {
        .failure(
            CallError(.deadlineExceeded, "the deadline passed before the answer came"), mayHaveStarted: mayHaveStarted)
    }
}

extension ClientCall {
    var overrunError: CallError {
        credit == 0
            ? CallError(.internal, "\(method) answers with a stream; call it as one")
            : CallError(.internal, "the server sent more messages of \(method) than it had credit for")
    }
}
