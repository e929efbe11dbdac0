import HerdFrames
import HerdTransport
import Logging
import NIOCore

/// Answers the calls of one connection out of its server's methods; used on the connection's event loop only.
final class ConnectionDispatcher: CallDispatcher {
    private let server: HerdServer
    private let methods: MethodTable
    private let timeouts: CallTimeouts
    private let executor: EventLoopTaskExecutor
    private let eventLoop: any EventLoop
    private let peer: String
    private let logger: Logger
    /// Known from HELLO on, and no call is dispatched before.
    private var session: Session?
    /// When the call before was answered on the event loop: where the time of the next one begins.
    private var lastAnswer = NIODeadline.uptimeNanoseconds(0)
    /// The method that was called last; most often it is the next one, too.
    private var lastMethod: ServedMethod?
    /// How many calls of it were answered without a look at the clock, and when the first of them had come.
    private var untimed: UInt64 = 0
    private var untimedArrival = NIODeadline.uptimeNanoseconds(0)
    /// The last method's standing answer in a burst.
    private var standing: (burst: UInt64, packed: [UInt8]) = (0, [])

    init(
        server: HerdServer, methods: MethodTable, timeouts: CallTimeouts, peer: String, logger: Logger,
        eventLoop: any EventLoop
    ) {
        self.server = server
        self.methods = methods
        self.timeouts = timeouts
        executor = EventLoopTaskExecutor(eventLoop)
        self.eventLoop = eventLoop
        self.peer = peer
        self.logger = logger
    }

    func greet(_ metadata: [String: String]) throws(CallError) {
        let hello = Hello(
            authorization: metadata[HelloKey.authorization] ?? "", client: metadata[HelloKey.client] ?? "",
            metadata: metadata, peer: peer)
        do throws(CallError) {
            let principal = try server.authorize(hello)
            var logger = logger
            logger[metadataKey: "peer"] = "\(peer)"
            session = Session(principal: principal, peer: peer, logger: logger)
        } catch {
            logger.notice(
                "connection refused",
                metadata: ["peer": "\(peer)", "client": "\(hello.client.prefix(200))", "why": "\(error)"])
            throw error
        }
    }

    func dispatch(_ request: FrameView, arrival: NIODeadline, on connection: ServerConnection) {
        guard let session, let method = method(at: request.method) else {
            return connection.fail(request.call, server.unknownMethod(request.methodName))
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
            let outcome = shortcut(request) { packed in
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
        let context = CallContext(
            session: session, method: method, deadline: deadline, metadata: request.metadata)
        let begun =
            work.map { .later(HerdServer.packed($0, context)) } ?? method.begin(request, context, connection)
        switch begun {
        case .answered(let code):
            answered(method, code, arrival: arrival)
        case .later(let run):
            let server = server
            // A long request takes long to unpack, whatever its handler does.
            let isLong = request.payload.count > ServedMethod.maximumLoopRequest
            let executor = method.executor == .eventLoop && !isLong ? executor : nil
            server.callStarted()
            connection.open(
                request.call, deadline: deadline, credit: request.credit, endsWithDrain: method.endsWithDrain
            ) { call in
                call.run(
                    Task(executorPreference: executor) {
                        let code = await run(call)
                        let failed = (call.stopReason?.code ?? code) != .ok
                        method.counters.record(
                            isFailure: failed, nanoseconds: (NIODeadline.now() - arrival).nanoseconds)
                        server.callEnded()
                    })
            }
        }
    }

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
        lastMethod.counters.record(successes: untimed, nanoseconds: (now - start).nanoseconds)
        untimed = 0
    }

    func burstEnded() {
        countUntimed()
    }

    private func answered(_ method: ServedMethod, _ code: StatusCode, arrival: NIODeadline) {
        let now = NIODeadline.now()
        let start = max(arrival, lastAnswer)
        lastAnswer = now
        method.counters.record(isFailure: code != .ok, nanoseconds: (now - start).nanoseconds)
    }

    func freedMemory() {
        server.memory.giveBackSoon(eventLoop)
    }

    func refused(_ request: FrameView) {
        methods.method(at: request.method)?.counters.record(isFailure: true, nanoseconds: 0)
    }
}

/// How long calls may take.
struct CallTimeouts: Sendable {
    private let defaultTimeout: Int64
    private let maximumTimeout: Int64
    private let maximumStreamTimeout: Int64

    init(_ configuration: ServerConfiguration) {
        maximumTimeout = configuration.maximumTimeout.clampedNanoseconds
        maximumStreamTimeout = configuration.maximumStreamTimeout.clampedNanoseconds
        defaultTimeout = min(configuration.defaultTimeout.clampedNanoseconds, maximumTimeout)
    }

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
