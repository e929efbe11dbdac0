import HerdFrames
import HerdTransport
import Logging
import NIOCore
import Synchronization

/// Answers the calls of one connection out of its server's methods; used on the connection's event loop only.
final class ConnectionDispatcher: CallDispatcher {
    private let server: HerdServer
    private let tables: MethodTables
    /// Those that the caller may call; empty until HELLO.
    private var methods = MethodTable.empty
    private let timeouts: CallTimeouts
    private let executor: EventLoopTaskExecutor
    private let eventLoop: any EventLoop
    /// Where calls of the event loop are counted.
    private let shard: Int
    private let peer: String
    private let logger: Logger
    /// Known from HELLO on, and no call is dispatched before.
    private var session: Session?
    /// Of the caller; nil for one that may call as often as it likes.
    private var limiter: CallLimiter?
    private let generation: AccessGeneration
    /// As of when the caller was let in, or looked at again.
    private var checkedGeneration: UInt64 = 0
    /// When the caller is looked at again whether or not anything changed.
    private var recheckTime = NIODeadline.distantFuture
    /// The caller is to connect again, which is told once.
    private var isSentAway = false
    /// Finds the certificate of the connection; nil after HELLO.
    private var peerCertificate: (() -> PeerCertificate?)?
    /// When the call before was answered on the event loop: where the time of the next one begins.
    private var lastAnswer = NIODeadline.uptimeNanoseconds(0)
    /// The method that was called last; most often it is the next one, too.
    private var lastMethod: ServedMethod?
    /// How many calls of it were answered without a look at the clock, and when the first of them had come.
    private var untimed: UInt64 = 0
    private var untimedArrival = NIODeadline.uptimeNanoseconds(0)
    /// Where the ids of traces and spans come from.
    private var traceNumbers = TraceNumbers()
    /// What the calls that run as tasks hold, of all of the caller's connections; where nobody says who they are, of this
    /// one. For Herd's own processes, which call on everybody's behalf, there is the server's bound alone.
    private lazy var requestMemory = isOwnService ? server.requestMemory : callerMemory
    private var callerMemory: RequestMemory {
        caller.map(server.callerMemories.memory)
            ?? RequestMemory(limit: ConnectionLimits.maximumRequestBytes, within: server.requestMemory)
    }
    /// The last method's standing answer in a burst.
    private var standing: (burst: UInt64, packed: [UInt8]) = (0, [])

    init(
        server: HerdServer, methods: MethodTables, timeouts: CallTimeouts, peer: String, logger: Logger,
        eventLoop: any EventLoop, peerCertificate: @escaping () -> PeerCertificate?
    ) {
        self.server = server
        tables = methods
        generation = server.accessGeneration
        self.peerCertificate = peerCertificate
        self.timeouts = timeouts
        executor = EventLoopTaskExecutor(eventLoop)
        self.eventLoop = eventLoop
        shard = server.shard(of: eventLoop)
        self.peer = peer
        self.logger = logger
    }

    func greet(_ metadata: [String: String], on connection: ServerConnection) throws(CallError) {
        let hello = Hello(
            authorization: metadata[HelloKey.authorization] ?? "", client: metadata[HelloKey.client] ?? "",
            metadata: metadata, peer: peer, certificate: peerCertificate?())
        peerCertificate = nil
        do throws(CallError) {
            // Before the check: what changes during it is looked at again.
            checkedGeneration = generation.current
            let principal = try server.authorize(hello)
            recheckTime = try server.recheck(principal)
            limiter = server.limiter(of: principal)
            var logger = logger
            logger[metadataKey: "peer"] = "\(peer)"
            session = Session(principal: principal, peer: peer, logger: logger)
            methods = tables.table(for: principal.roles)
        } catch {
            server.refusals.connectionRefused(peer: peer, client: hello.client, error, logger)
            throw error
        }
        guard server.keeps(connection) else {
            let reason = GoAway.gaveWay(server.maximumConnections)
            throw CallError(reason.code, reason.message)
        }
    }

    func recheck() throws(CallError) {
        guard let session else { return }
        checkedGeneration = generation.current
        do throws(CallError) {
            recheckTime = try server.recheck(session.principal)
            limiter = server.limiter(of: session.principal)
        } catch {
            if !isSentAway { server.refusals.sentAway(session.principal, peer: peer, error, logger) }
            isSentAway = error.code == .unavailable
            throw error
        }
    }

    var caller: String? { session.flatMap { $0.principal.id.isEmpty ? nil : $0.principal.id } }

    /// Health, which operators and other servers go by, and what Herd's own processes ask for on behalf of calls that
    /// were admitted: to turn that away would throw away what they have cost.
    func isAlwaysAnswered(_ request: FrameView) -> Bool {
        guard let method = method(at: request.method) else { return false }
        return method.standing != nil || method.servesOthers && isOwnService
    }

    func isStanding(_ request: FrameView) -> Bool {
        request.payload.isEmpty && method(at: request.method)?.standing != nil
    }

    private var isOwnService: Bool {
        session.map { !$0.principal.id.isEmpty && $0.principal.roles.contains(.service) } ?? false
    }

    /// Whether a request is not counted: what operators do about a server that is full, and what the requests that fill it
    /// ask for in turn.
    private func holdsNothing(_ request: FrameView, _ method: ServedMethod, _ principal: Principal) -> Bool {
        if method.servesOthers && isOwnService { return true }
        return request.byteCount <= ServedMethod.maximumAdminRequest
            && (method.isAdmin || principal.roles.contains(.admin))
    }

    /// Looks again at whether the caller may still call, where that is due; false where its request is not to be
    /// answered any more.
    private func mayCall(_ request: FrameView, at arrival: NIODeadline, on connection: ServerConnection) -> Bool {
        arrival < recheckTime && generation.current == checkedGeneration || connection.recheckAccess(before: request)
    }

    func dispatch(_ request: FrameView, arrival: NIODeadline, on connection: ServerConnection) {
        guard mayCall(request, at: arrival, on: connection) else { return }
        let found = method(at: request.method)
        var place: CallPlace?
        if let limiter, found?.isLimited ?? true {
            if let refusal = limiter.begin(at: arrival) {
                refused(request, refusal.code)
                server.refusals.callLimited()
                return connection.fail(request.call, refusal)
            }
            place = CallPlace(limiter)
        }
        guard let session, let method = found else {
            return connection.fail(request.call, refusal(of: request))
        }
        if let answer = method.standing, request.payload.isEmpty {
            if standing.burst != connection.burst { standing = (connection.burst, answer()) }
            connection.reply(to: request.call, payloadCount: standing.packed.count) {
                $0.copyBytes(from: standing.packed)
            }
            return answered(arrival: arrival)
        }
        var work: (@Sendable (CallContext) async throws -> [UInt8])?
        if let shortcut = method.shortcut, request.payload.count <= ServedMethod.maximumLoopRequest {
            let tenant = session.tenantBytes ?? request.metadataValue(for: "tenant")
            let outcome = shortcut(request, tenant) { packed in
                connection.reply(to: request.call, payloadCount: packed.count) { $0.copyMemory(from: packed) }
            }
            switch outcome {
            case .answered: return answered(arrival: arrival)
            case .later(let found): work = found
            case .unknown: break
            }
        }
        countUntimed()
        let deadline = timeouts.deadline(of: request, method, arrival: arrival)
        let metadata = request.metadata
        let context = CallContext(
            session: session, method: method, deadline: deadline, metadata: metadata,
            trace: CallTrace(metadata, &traceNumbers))
        let begun =
            work.map { .later(HerdServer.packed($0, context)) } ?? method.begin(request, context, connection)
        switch begun {
        case .answered(let code):
            answered(method, code, arrival: arrival)
        case .later(let run):
            let memory = requestMemory
            let held = holdsNothing(request, method, session.principal) ? 0 : request.byteCount
            if let refusal = memory.take(held) {
                place?.giveBack()
                method.counters.record(refused: refusal.code, shard: shard)
                return connection.fail(request.call, refusal)
            }
            let (server, shard) = (server, shard)
            let tells = logger.logLevel <= .debug
            // A long request takes long to unpack, whatever its handler does.
            let isLong = request.payload.count > ServedMethod.maximumLoopRequest
            let executor = method.executor == .eventLoop && !isLong ? executor : nil
            var onEnd: (@Sendable () -> Void)?
            if let place { onEnd = { place.giveBack() } }
            let pressure = executor == nil ? nil : connection.loopPressure
            server.callStarted()
            connection.open(
                request.call, deadline: deadline, credit: request.credit, endsWithDrain: method.endsWithDrain,
                onEnd: onEnd
            ) { call in
                call.run(
                    Task(executorPreference: executor) {
                        let now = NIODeadline.now()
                        server.queueDelay.record(
                            nanoseconds: UInt64(clamping: (now - arrival).nanoseconds), shard: shard)
                        pressure?.waited(now - arrival, now: now)
                        let code = await run(call)
                        memory.giveBack(held)
                        let end = call.stopReason?.code ?? code
                        let nanoseconds = (NIODeadline.now() - arrival).nanoseconds
                        method.counters.record(end, nanoseconds: nanoseconds, shard: shard)
                        if tells { context.tellOfEnd(end, nanoseconds: nanoseconds) }
                        server.callEnded()
                    })
            }
        }
    }

    /// Why a request for a method that the caller may not call, or nobody can, is not answered.
    private func refusal(of request: FrameView) -> CallError {
        guard let session, let method = tables.all.method(at: request.method) else {
            server.unknownMethods.record(refused: .unimplemented, shard: shard)
            return server.unknownMethod(request.methodName)
        }
        method.counters.record(refused: .permissionDenied, shard: shard)
        server.refusals.callDenied(session.principal, method: request.methodName, peer: peer, logger)
        return server.denied(request.methodName, to: session.principal)
    }

    /// Of those that the caller may call.
    private func method(at path: UnsafeRawBufferPointer) -> ServedMethod? {
        if let lastMethod, lastMethod.isAt(path) { return lastMethod }
        countUntimed()
        // Of a burst that went on without it.
        standing.burst = 0
        lastMethod = methods.method(at: path)
        return lastMethod
    }

    /// A call of the last method succeeded, as many do within a microsecond: they are timed together.
    private func answered(arrival: NIODeadline) {
        if untimed == 0 { untimedArrival = arrival }
        untimed &+= 1
    }

    private func countUntimed() {
        guard untimed > 0, let lastMethod else { return }
        let now = NIODeadline.now()
        let start = max(untimedArrival, lastAnswer)
        lastAnswer = now
        lastMethod.counters.record(successes: untimed, nanoseconds: (now - start).nanoseconds, shard: shard)
        untimed = 0
    }

    func burstEnded() {
        countUntimed()
    }

    private func answered(_ method: ServedMethod, _ code: StatusCode, arrival: NIODeadline) {
        let now = NIODeadline.now()
        let start = max(arrival, lastAnswer)
        lastAnswer = now
        method.counters.record(code, nanoseconds: (now - start).nanoseconds, shard: shard)
    }

    func freedMemory() {
        server.memory.giveBackSoon(eventLoop)
    }

    func shed(_ request: FrameView, arrival: NIODeadline, on connection: ServerConnection) -> Bool {
        guard mayCall(request, at: arrival, on: connection) else { return false }
        refused(request, .resourceExhausted)
        server.noteShed()
        return true
    }

    func refused(_ request: FrameView, _ code: StatusCode) {
        let found = method(at: request.method) ?? tables.all.method(at: request.method)
        let counters = found?.counters ?? server.unknownMethods
        counters.record(refused: code, shard: shard)
    }
}

/// How long calls may take; may change while they are made.
final class CallTimeouts: Sendable {
    private let defaultNanoseconds = Atomic<Int64>(0)
    private let maximumNanoseconds = Atomic<Int64>(0)
    private let maximumStreamNanoseconds = Atomic<Int64>(0)

    init(_ configuration: ServerConfiguration) {
        use(configuration)
    }

    func use(_ configuration: ServerConfiguration) {
        let maximum = configuration.maximumTimeout.clampedNanoseconds
        maximumNanoseconds.store(maximum, ordering: .relaxed)
        maximumStreamNanoseconds.store(configuration.maximumStreamTimeout.clampedNanoseconds, ordering: .relaxed)
        defaultNanoseconds.store(min(configuration.defaultTimeout.clampedNanoseconds, maximum), ordering: .relaxed)
    }

    private var defaultTimeout: Int64 { defaultNanoseconds.load(ordering: .relaxed) }
    private var maximumTimeout: Int64 { maximumNanoseconds.load(ordering: .relaxed) }
    private var maximumStreamTimeout: Int64 { maximumStreamNanoseconds.load(ordering: .relaxed) }

    func deadline(of request: FrameView, _ method: ServedMethod, arrival: NIODeadline) -> NIODeadline {
        let maximum = method.isStreaming ? maximumStreamTimeout : maximumTimeout
        guard request.timeoutMicroseconds > 0 else {
            return arrival + .nanoseconds(method.isStreaming ? maximum : defaultTimeout)
        }
        // Clamped before it is multiplied: the number is the peer's.
        let asked = Int64(clamping: min(request.timeoutMicroseconds, UInt64(maximum / 1000 + 1))) * 1000
        return arrival + .nanoseconds(min(asked, maximum))
    }
}
