import HerdFrames
package import HerdMessages
import HerdTransport
import Logging

extension HerdServer {
    /// Serves a unary method.
    ///
    /// A handler throws `CallError` to answer with its code, message and metadata; every other error is logged and
    /// answered with INTERNAL. Its task is cancelled when the call is: by the caller, by its deadline, by the end of
    /// the connection.
    ///
    /// - Parameters:
    ///   - executor: Where `handler` runs; `.pool` for one that computes for more than a millisecond.
    ///   - standing: What every empty request is answered with at the moment, packed; asked for once for all requests that
    ///     came at once. It comes before everything else.
    ///   - shortcut: Tried before `inline`, for answers that need not the request unpacked; the bytes it gives are the
    ///     packed answer. Requests over 64 KiB never come to it.
    ///   - inline: Tried first, on the event loop, for answers that are at hand within microseconds; nil hands the
    ///     request on to `handler`. Requests over 64 KiB go to `handler` at once.
    ///   - handler: Runs as a task.
    package func unary<Request: Message, Response: Message>(
        _ method: UnaryMethod<Request, Response>, on executor: HandlerExecutor = .eventLoop,
        standing: ServedMethod.StandingAnswer? = nil, shortcut: ServedMethod.Shortcut? = nil,
        inline: (@Sendable (Request, CallContext) throws -> Response?)? = nil,
        _ handler: @escaping @Sendable (Request, CallContext) async throws -> Response
    ) {
        let answer: ServedMethod.Answer = { frame, context, connection in
            guard let inline, frame.payload.count <= ServedMethod.maximumLoopRequest else {
                return .later(Self.unary(handler, packed: [UInt8](frame.payload), context))
            }
            do {
                let request = try decode(Request.self, frame.payload)
                guard let response = try inline(request, context) else {
                    return .later(Self.unary(handler, request, context))
                }
                connection.reply(response, to: frame.call)
                return .answered(.ok)
            } catch {
                let failure = CallError(handlerError: error, context)
                connection.fail(frame.call, failure)
                return .answered(failure.code)
            }
        }
        register {
            $0.add(
                ServedMethod(
                    path: method.path, isStreaming: false, executor: executor, shards: eventLoopCount,
                    shortcut: shortcut,
                    standing: standing, answer: answer))
        }
    }

    /// Serves a unary method whose every answer is at hand: the handler runs on the event loop and must not block.
    package func immediate<Request: Message, Response: Message>(
        _ method: UnaryMethod<Request, Response>, standing: ServedMethod.StandingAnswer? = nil,
        _ handler: @escaping @Sendable (Request, CallContext) throws -> Response
    ) {
        unary(method, standing: standing, inline: handler) { request, context in try handler(request, context) }
    }

    /// Serves a streaming method; the stream ends when the handler returns.
    ///
    /// - Parameters:
    ///   - executor: Where `handler` runs; `.eventLoop` for one that only waits for others and passes on.
    ///   - endsWithDrain: For watches, which never end by themselves: they end with UNAVAILABLE as soon as the server
    ///     is told to stop.
    ///   - servesOthers: Whether a call may be part of one that runs already, which must not wait for a successor.
    ///   - handler: As for a unary method.
    package func stream<Request: Message, Response: Message>(
        _ method: StreamingMethod<Request, Response>, on executor: HandlerExecutor = .pool,
        endsWithDrain: Bool = false, servesOthers: Bool = false,
        _ handler: @escaping @Sendable (Request, CallContext, StreamWriter<Response>) async throws -> Void
    ) {
        let gate = endsWithDrain || servesOthers ? nil : streamGate
        let answer: ServedMethod.Answer = { frame, context, _ in
            let packed = [UInt8](frame.payload)
            return .later { call in
                await Self.run(call, context) {
                    try await gate?.enter()
                    defer { gate?.leave() }
                    let request = try packed.withUnsafeBytes { try decode(Request.self, $0) }
                    try await handler(request, context, StreamWriter(call: call))
                    try call.end(payloadCount: 0) { _ in }
                }
            }
        }
        register {
            $0.add(
                ServedMethod(
                    path: method.path, isStreaming: true, endsWithDrain: endsWithDrain, servesOthers: servesOthers,
                    executor: executor, shards: eventLoopCount, answer: answer))
        }
    }

    /// Passes on every method whose path begins with `prefix` and that is not served here, unary or streaming, without
    /// unpacking anything.
    ///
    /// - Parameters:
    ///   - prefix: Up to and with the slash: `herd.v1.Scorer/`.
    ///   - handler: Gets the path and the packed request, may write messages, and returns the payload of the END. Runs
    ///     on the event loop: it waits for others and computes nothing.
    package func forward(
        prefix: String,
        _ handler:
            @escaping @Sendable (
                _ path: String, _ payload: [UInt8], CallContext, RawStreamWriter
            ) async throws -> [UInt8]
    ) {
        let streams = Set(MethodDescription.all.filter { $0.isStreaming && !$0.path.contains("/Watch") }.map(\.path))
        let streamGate = streamGate
        let answer: ServedMethod.Answer = { frame, context, _ in
            let path = frame.methodName
            let payload = [UInt8](frame.payload)
            let gate = streams.contains(path) ? streamGate : nil
            return .later { call in
                await Self.run(call, context) {
                    try await gate?.enter()
                    defer { gate?.leave() }
                    let reply = try await handler(path, payload, context, RawStreamWriter(call: call))
                    try call.end(payloadCount: reply.count) { $0.copyBytes(from: reply) }
                }
            }
        }
        let known = MethodDescription.all.filter { $0.path.hasPrefix(prefix) }.map { method in
            ServedMethod(
                path: method.path, isStreaming: method.isStreaming, executor: .eventLoop, shards: eventLoopCount,
                answer: answer)
        }
        // A method that this build does not know may well be a stream.
        let rest = ServedMethod(
            path: prefix, isStreaming: true, executor: .eventLoop, shards: eventLoopCount, answer: answer)
        register { $0.addForwarded(known, rest: rest) }
    }

    // MARK: - Running a handler

    /// Answers a request with packed bytes.
    static func packed(
        _ work: @escaping @Sendable (CallContext) async throws -> [UInt8], _ context: CallContext
    ) -> @Sendable (ServerCall) async -> StatusCode {
        { call in
            await run(call, context) {
                let reply = try await work(context)
                try call.end(payloadCount: reply.count) { $0.copyBytes(from: reply) }
            }
        }
    }

    private static func unary<Request: Message, Response: Message>(
        _ handler: @escaping @Sendable (Request, CallContext) async throws -> Response, packed: [UInt8],
        _ context: CallContext
    ) -> @Sendable (ServerCall) async -> StatusCode {
        { call in
            await run(call, context) {
                let request = try packed.withUnsafeBytes { try decode(Request.self, $0) }
                try await call.end(handler(request, context))
            }
        }
    }

    private static func unary<Request: Message, Response: Message>(
        _ handler: @escaping @Sendable (Request, CallContext) async throws -> Response, _ request: Request,
        _ context: CallContext
    ) -> @Sendable (ServerCall) async -> StatusCode {
        { call in
            await run(call, context) { try await call.end(handler(request, context)) }
        }
    }

    /// Runs `body`, which ends the call unless it throws; the code the call ended with. The calls that `body` makes
    /// belong to the call's trace where it carries one.
    private static func run(
        _ call: ServerCall, _ context: CallContext, _ body: () async throws -> Void
    ) async -> StatusCode {
        guard context.carriesTrace else { return await runUntraced(call, context, body) }
        return await TraceContext.$current.withValue(context.trace.context) {
            await runUntraced(call, context, body)
        }
    }

    private static func runUntraced(
        _ call: ServerCall, _ context: CallContext, _ body: () async throws -> Void
    ) async -> StatusCode {
        do {
            // A thousand requests fit into one read: of a peer that takes no answers they are not all worked on.
            try await call.waitForPeer()
            if context.remaining <= .zero {
                throw CallError(.deadlineExceeded, "the deadline passed before the call was begun")
            }
            try await body()
            return .ok
        } catch {
            // What a stopped handler says is of no interest: its call has ended.
            let failure = call.stopReason ?? CallError(handlerError: error, context)
            call.fail(failure)
            return failure.code
        }
    }
}

/// Unpacks a request; INVALID_ARGUMENT names the field that is wrong.
private func decode<Request: Message>(
    _ type: Request.Type, _ bytes: UnsafeRawBufferPointer
) throws(CallError) -> Request {
    do throws(MessageError) {
        return try Request(packed: bytes)
    } catch {
        throw CallError(.invalidArgument, error.description)
    }
}

extension CallError {
    /// What the caller gets to know of an error that a handler threw.
    fileprivate init(handlerError error: any Error, _ context: CallContext) {
        switch error {
        case let error as CallError where error.code != .ok:
            self = error
            if let cause = error.cause {
                context.logger.info("call failed", metadata: ["error": "\(error)", "cause": "\(cause)"])
            }
        case is CancellationError:
            self.init(.cancelled, "the call was stopped")
        default:
            context.logger.error("a handler failed", metadata: ["error": "\(error)"])
            self.init(.internal, "\(context.method) failed inside the server; its log says why")
        }
    }
}

extension ServerConnection {
    fileprivate func reply(_ response: some Message, to id: UInt64) {
        let prepared = response.prepared()
        reply(to: id, payloadCount: prepared.size) { _ = prepared.write(to: $0) }
    }
}

extension ServerCall {
    fileprivate func end(_ response: some Message) throws(CallError) {
        let prepared = response.prepared()
        try end(payloadCount: prepared.size) { _ = prepared.write(to: $0) }
    }
}
