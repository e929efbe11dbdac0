import Glibc
package import HerdFrames
import HerdMessages
import HerdTransport

/// Where a handler that does not answer inline runs.
package enum HandlerExecutor: Sendable {
    /// On the connection's event loop, between its reads and writes: for handlers that answer in microseconds or wait
    /// for others. While one computes, no other call of the loop is heard.
    case eventLoop
    /// On Swift's global pool of threads: for handlers that compute. Costs two changes of thread per call.
    ///
    /// Measured, CPU time of an empty handler's call and median latency, pool against event loop: on one connection
    /// 75 against 9.4 us, 80 against 13 us; on 16 connections 16 against 9.3 us of CPU; 64 in flight on one connection
    /// 6.3 against 3.2 us of CPU.
    case pool
}

/// One method of a server: how its calls are answered, and what is counted of them.
package final class ServedMethod: Sendable {
    /// The path, or the prefix for methods that are forwarded without being known.
    let path: String
    let isStreaming: Bool
    /// Whether its calls end at once when the server drains, as watches do.
    let endsWithDrain: Bool
    /// Whether Herd's own processes make its calls as part of others that run already.
    let servesOthers: Bool
    let executor: HandlerExecutor
    let counters: MethodCounters
    /// Whether its calls count among those that a credential may make: all but what every load balancer asks.
    let isLimited: Bool
    /// Whether it is one of those by which operators know a server, and which are answered however much it holds.
    let isAdmin: Bool
    /// Keeps its calls; nil where they are not kept.
    private let audit: (any AuditRecorder)?
    /// Requests longer than this, in bytes, are neither unpacked nor handled on the event loop.
    static let maximumLoopRequest = 64 << 10
    /// Requests of Admin no longer than this, in bytes, are taken whatever else is held.
    static let maximumAdminRequest = 1 << 10
    private let answer: Answer
    /// Tried before everything else on the event loop.
    let shortcut: Shortcut?
    /// The packed answer to an empty request, asked for once for all requests that came at once.
    let standing: StandingAnswer?
    private let pathBytes: [UInt8]

    /// Answers a request from its bytes by calling `reply` with the packed answer, or says what else is to be done.
    ///
    /// `tenant` is on whose behalf, empty if on nobody's, as `CallContext.tenant`; both are valid until it returns.
    package typealias Shortcut =
        @Sendable (
            _ request: FrameView, _ tenant: UnsafeRawBufferPointer, _ reply: (_ packed: UnsafeRawBufferPointer) -> Void
        ) -> ShortcutOutcome

    /// What a shortcut did with a request.
    package enum ShortcutOutcome {
        case answered
        /// To be answered with the packed message that this returns, run as a task where the method's handler runs.
        case later(@Sendable (CallContext) async throws -> [UInt8])
        /// Nothing: the request goes the long way.
        case unknown
    }

    /// What is answered to every empty request at the moment, packed; runs on the event loop.
    package typealias StandingAnswer = @Sendable () -> [UInt8]

    /// Looks at a request on the event loop; the frame is valid only meanwhile.
    typealias Answer = @Sendable (_ request: FrameView, CallContext, ServerConnection) -> Begun

    /// What became of a request on the event loop.
    enum Begun {
        /// Answered already, with that code.
        case answered(StatusCode)
        /// To be run as a task, which ends the call and returns the code it ended with.
        case later(@Sendable (ServerCall) async -> StatusCode)
    }

    init(
        path: String, isStreaming: Bool, endsWithDrain: Bool = false, servesOthers: Bool = false,
        executor: HandlerExecutor, shards: Int, shortcut: Shortcut? = nil, standing: StandingAnswer? = nil,
        audit: (any AuditRecorder)? = nil,
        answer: @escaping Answer
    ) {
        pathBytes = Array(path.utf8)
        counters = MethodCounters(shards: shards)
        self.standing = standing
        self.audit = audit
        self.path = path
        isAdmin = path.hasPrefix("herd.v1.Admin/")
        isLimited = path != Admin.health.path && path != Admin.describe.path
        self.isStreaming = isStreaming
        self.endsWithDrain = endsWithDrain
        self.servesOthers = servesOthers
        self.executor = executor
        self.shortcut = shortcut
        self.answer = answer
    }

    /// Whether the bytes are its path, all of it.
    func isAt(_ path: UnsafeRawBufferPointer) -> Bool {
        guard path.count == pathBytes.count, let start = path.baseAddress else { return false }
        return pathBytes.withUnsafeBytes { bytes in
            bytes.baseAddress.map { memcmp($0, start, path.count) == 0 } ?? false
        }
    }

    func begin(_ request: FrameView, _ context: CallContext, _ connection: ServerConnection) -> Begun {
        guard let audit else { return answer(request, context, connection) }
        let (path, payload) = (request.methodName, [UInt8](request.payload))
        switch answer(request, context, connection) {
        case .answered(let code):
            audit.note(path, payload: payload, context, code)
            return .answered(code)
        case .later(let run):
            return .later { call in
                do throws(CallError) {
                    return try await audit.record(path, payload: payload, context) { await run(call) }
                } catch {
                    call.fail(error)
                    return error.code
                }
            }
        }
    }

    /// The same method, whose calls are kept.
    func kept(by audit: any AuditRecorder) -> ServedMethod {
        ServedMethod(
            path: path, isStreaming: isStreaming, endsWithDrain: endsWithDrain, servesOthers: servesOthers,
            executor: executor, shards: counters.shardCount, audit: audit, answer: answer)
    }
}
