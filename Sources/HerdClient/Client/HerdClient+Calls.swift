public import HerdFrames
public import HerdMessages
import HerdTransport

extension HerdClient {
    // MARK: - Typed calls

    /// Makes a unary call.
    ///
    /// - Parameters:
    ///   - timeout: What the call may take in all; nil takes the configuration's default. With zero or less it fails at
    ///     once and is not sent.
    ///   - metadata: Sent along, for example `tenant`, and `traceparent` where the trace is another than
    ///     `TraceContext.current`.
    public func call<Request: Message, Response: Message>(
        _ method: UnaryMethod<Request, Response>, _ request: Request, timeout: Duration? = nil,
        metadata: [String: String] = [:]
    ) async throws(CallError) -> Response {
        let payload = try await call(
            path: method.path, payload: request.pack(), isIdempotent: method.isIdempotent, timeout: timeout,
            metadata: metadata)
        return try Response(answer: payload, of: method.path)
    }

    /// Makes a call that is answered with a stream; it is sent when the first message is asked for.
    ///
    /// Leaving the loop, or letting go of the sequence and its iterator, takes the call back. Once a message has come
    /// the call is not made again.
    ///
    /// - Parameters:
    ///   - timeout: What the whole stream may take; nil takes the server's default for streams.
    ///   - metadata: Sent along, for example `tenant`, and `traceparent` where the trace is another than
    ///     `TraceContext.current`.
    public func stream<Request: Message, Response: Message>(
        _ method: StreamingMethod<Request, Response>, _ request: Request, timeout: Duration? = nil,
        metadata: [String: String] = [:]
    ) -> CallStream<Response> {
        CallStream(
            packed: packedStream(method.path, request.pack(), method.isIdempotent, timeout, metadata, nil),
            path: method.path)
    }

    /// The same for a call that looks for a server for `patience`, in place of the configuration's windows.
    package func stream<Request: Message, Response: Message>(
        _ method: StreamingMethod<Request, Response>, _ request: Request, timeout: Duration?,
        metadata: [String: String], patience: Duration
    ) -> CallStream<Response> {
        CallStream(
            packed: packedStream(method.path, request.pack(), method.isIdempotent, timeout, metadata, patience),
            path: method.path)
    }

    // MARK: - Calls in packed bytes

    /// Makes a unary call of packed messages, for methods known by name only; otherwise as the typed call.
    ///
    /// - Parameter isIdempotent: Whether a call that may have started can safely be made again; nil goes by what this
    ///   version knows of the method, false where it knows nothing.
    public func call(
        path: String, payload: [UInt8], isIdempotent: Bool? = nil, timeout: Duration? = nil,
        metadata: [String: String] = [:]
    ) async throws(CallError) -> [UInt8] {
        let attempts = makeAttempts(
            path, payload, isIdempotent, timeout ?? pool.configuration.defaultTimeout, metadata, credit: 0)
        switch await attempts.run().event {
        case .end(.success(let payload)): return payload
        case .end(.failure(let error, _)): throw error
        case .message: throw CallError(.internal, "\(path) answers with a stream; call it as one")
        }
    }

    /// Makes a streaming call of packed messages; otherwise as the typed one.
    ///
    /// - Parameter isIdempotent: As for `call(path:payload:isIdempotent:timeout:metadata:)`.
    public func stream(
        path: String, payload: [UInt8], isIdempotent: Bool? = nil, timeout: Duration? = nil,
        metadata: [String: String] = [:]
    ) -> PackedCallStream {
        packedStream(path, payload, isIdempotent, timeout, metadata, nil)
    }

    private func packedStream(
        _ path: String, _ payload: [UInt8], _ isIdempotent: Bool?, _ timeout: Duration?, _ metadata: [String: String],
        _ patience: Duration?
    ) -> PackedCallStream {
        var attempts = makeAttempts(
            path, payload, isIdempotent, timeout, metadata, credit: max(1, pool.configuration.streamCredit))
        attempts.patience = patience
        return PackedCallStream(CallReader(attempts))
    }

    /// Makes a call without knowing whether it is unary or a stream, and returns the payload of its end.
    ///
    /// - Parameters:
    ///   - timeout: What the call may take in all; nil takes the server's default.
    ///   - onMessage: Takes each message of a stream; the next one is not asked for before it returns, and an error from
    ///     it takes the call back (and is thrown on, as the cause of INTERNAL where it is no `CallError`).
    public func forward(
        path: String, payload: [UInt8], timeout: Duration? = nil, metadata: [String: String] = [:],
        onMessage: ([UInt8]) async throws -> Void
    ) async throws(CallError) -> [UInt8] {
        try await forward(packedStream(path, payload, nil, timeout, metadata, nil), path, onMessage)
    }

    /// The same for a call that looks for a server for `patience`, in place of the configuration's windows.
    package func forward(
        path: String, payload: [UInt8], timeout: Duration?, metadata: [String: String], patience: Duration,
        onMessage: ([UInt8]) async throws -> Void
    ) async throws(CallError) -> [UInt8] {
        try await forward(packedStream(path, payload, nil, timeout, metadata, patience), path, onMessage)
    }

    private func forward(
        _ stream: PackedCallStream, _ path: String, _ onMessage: ([UInt8]) async throws -> Void
    ) async throws(CallError) -> [UInt8] {
        let reader = stream.reader
        while let message = try await reader.next() {
            do {
                try await onMessage(message)
            } catch let error as CallError {
                throw error
            } catch {
                throw CallError(.internal, "a message of \(path) could not be passed on", cause: error)
            }
        }
        return reader.finalPayload
    }

    private func makeAttempts(
        _ path: String, _ payload: [UInt8], _ isIdempotent: Bool?, _ timeout: Duration?, _ metadata: [String: String],
        credit: UInt32
    ) -> CallAttempts {
        CallAttempts(
            pool: pool, method: path, isIdempotent: isIdempotent ?? idempotentMethods.contains(path),
            payload: payload, metadata: pool.configuration.metadata(metadata), timeout: timeout, credit: credit)
    }
}

/// The paths of the methods whose calls can safely be made again.
private let idempotentMethods = Set(MethodDescription.all.filter(\.isIdempotent).map(\.path))

extension Message {
    /// Unpacks what a server answered.
    init(answer packed: [UInt8], of path: String) throws(CallError) {
        do throws(MessageError) {
            try self.init(packed: packed)
        } catch {
            throw CallError(.internal, "the server's answer to \(path) cannot be read: \(error)", cause: error)
        }
    }
}
