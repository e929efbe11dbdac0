package import HerdFrames
package import Logging
package import NIOCore

/// What a handler knows of the call it answers.
package struct CallContext: Sendable {
    /// When the call ends with DEADLINE_EXCEEDED, on the monotonic clock.
    package let deadline: NIODeadline
    /// What the caller sent along: `traceparent`, `tenant`, and whatever else.
    package let metadata: [String: String]
    /// Which trace it belongs to.
    package let trace: CallTrace
    private let session: Session
    private let servedMethod: ServedMethod

    init(
        session: Session, method: ServedMethod, deadline: NIODeadline, metadata: [String: String], trace: CallTrace
    ) {
        self.session = session
        self.servedMethod = method
        self.deadline = deadline
        self.metadata = metadata
        self.trace = trace
    }

    /// The path `package.Service/Method`; for a forwarded method that is not known here, the prefix it was taken by.
    package var method: String { servedMethod.path }

    /// Who is calling.
    package var principal: Principal { session.principal }

    /// The address the call comes from.
    package var peer: String { session.peer }

    /// On whose behalf: the credential's tenant; the metadata `tenant` where the caller may name one. Empty if there is
    /// none.
    package var tenant: String { principal.tenant ?? metadata["tenant"] ?? "" }

    /// The credential on whose account the call goes: the caller's own or, where one of the herd's own processes calls, the
    /// one on whose behalf it does, the metadata `on-behalf-of`. Empty for somebody nobody knows.
    package var account: String {
        guard !principal.id.isEmpty, principal.roles.contains(.service) else { return principal.id }
        return metadata[Self.onBehalfOf] ?? principal.id
    }

    private static let onBehalfOf = "on-behalf-of"

    /// The W3C trace context as the caller says it: the metadata `traceparent`, nil if there is none or it is none.
    package var traceparent: String? { trace.isInherited ? metadata[TraceContext.traceparentKey] : nil }

    /// Whether the calls that its handler makes belong to its trace by themselves: where the caller asks for it, and where
    /// they are long.
    var carriesTrace: Bool { trace.isInherited || servedMethod.isStreaming }

    /// What is left of the deadline, zero if it has passed: the time-out for the calls the handler makes.
    package var remaining: Duration {
        .nanoseconds(max(0, (deadline - .now()).nanoseconds))
    }

    /// Whether the caller took the call back, left, or ran out of time; the task of the handler is cancelled as well.
    ///
    /// Only right inside that task and its children.
    package var isCancelled: Bool { Task.isCancelled }

    /// Whether nobody waits for the answer any more: the call was stopped, or its deadline has passed.
    package var isOver: Bool { isCancelled || remaining <= .zero }

    /// Throws CANCELLED if the call was stopped; for handlers that compute for long.
    package func checkCancellation() throws(CallError) {
        if Task.isCancelled { throw CallError(.cancelled, "the call was stopped") }
    }

    /// A logger that names the method, the peer, the trace and the call's span in it.
    package var logger: Logger {
        var logger = session.logger
        logger[metadataKey: "method"] = "\(method)"
        let trace = trace.context
        logger[metadataKey: "trace_id"] = "\(trace.traceID)"
        logger[metadataKey: "span_id"] = "\(trace.spanID)"
        return logger
    }

    /// Logs how the call ended.
    func tellOfEnd(_ code: StatusCode, nanoseconds: Int64) {
        logger.debug(
            "call ended", metadata: ["code": "\(code)", "ms": "\(Double(nanoseconds / 1_000) / 1_000)"])
    }

    /// The metadata that calls made for this one carry on: trace, tenant and account.
    package var forwardedMetadata: [String: String] {
        var forwarded = trace.metadata
        let tenant = tenant
        if !tenant.isEmpty { forwarded["tenant"] = tenant }
        // Empty says that it is nobody's: not that of whoever passes it on.
        forwarded[Self.onBehalfOf] = account
        return forwarded
    }
}

/// What all calls of one connection have in common.
final class Session: Sendable {
    let principal: Principal
    let peer: String
    let logger: Logger
    /// The tenant of all calls, valid as long as the session; nil where each may name one.
    nonisolated(unsafe) let tenantBytes: UnsafeRawBufferPointer?

    init(principal: Principal, peer: String, logger: Logger) {
        self.principal = principal
        self.peer = peer
        self.logger = logger
        tenantBytes = principal.tenant.map { tenant in
            let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: tenant.utf8.count, alignment: 1)
            bytes.copyBytes(from: tenant.utf8)
            return UnsafeRawBufferPointer(bytes)
        }
    }

    deinit {
        tenantBytes?.deallocate()
    }
}
