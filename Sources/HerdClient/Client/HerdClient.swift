public import HerdFrames
public import HerdMessages
package import HerdTransport
package import NIOCore
import NIOPosix

/// Calls a herd's router, or any other of its servers, over one connection that all calls share.
///
/// It connects with the first call and again with the next call after the connection was lost. It is safe to use from
/// any task. A call fails with `CallError`:
/// - what the server answered, with its code, message and metadata;
/// - DEADLINE_EXCEEDED at its deadline, whether or not the server reacts;
/// - CANCELLED when its task is cancelled, which the server gets to know;
/// - UNAVAILABLE when the server cannot be reached or the connection is lost. A call that certainly was not started is
///   tried again for `ClientConfiguration.retryWindow` before.
public final class HerdClient: Sendable {
    private let endpoint: Endpoint
    private let configuration: ClientConfiguration

    /// A client of the server at `host` (a name or an address, IPv6 without brackets) and `port`.
    public convenience init(host: String, port: Int, configuration: ClientConfiguration = ClientConfiguration()) {
        self.init(address: .network(host: host, port: port), configuration: configuration)
    }

    /// - Parameter eventLoopGroup: Whose event loops to use; nil takes those that the process shares.
    package init(
        address: EndpointAddress, configuration: ClientConfiguration = ClientConfiguration(),
        eventLoopGroup: (any EventLoopGroup)? = nil
    ) {
        self.configuration = configuration
        endpoint = Endpoint(
            address: address, configuration: configuration,
            eventLoopGroup: eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton)
    }

    /// Ends the connection: open calls fail with CANCELLED, later ones too.
    public func close() {
        endpoint.close()
    }

    // MARK: - Typed calls

    /// Makes a unary call.
    ///
    /// - Parameters:
    ///   - timeout: What the call may take in all; nil takes the configuration's default. With zero or less it fails at
    ///     once and is not sent.
    ///   - metadata: Sent along, for example `traceparent` and `tenant`.
    public func call<Request: Message, Response: Message>(
        _ method: UnaryMethod<Request, Response>, _ request: Request, timeout: Duration? = nil,
        metadata: [String: String] = [:]
    ) async throws(CallError) -> Response {
        let payload = try await call(
            path: method.path, payload: request.pack(), timeout: timeout, metadata: metadata)
        return try Response(answer: payload, of: method.path)
    }

    /// Makes a call that is answered with a stream; it is sent when the first message is asked for.
    ///
    /// Leaving the loop, or letting go of the sequence and its iterator, takes the call back.
    ///
    /// - Parameters:
    ///   - timeout: What the whole stream may take; nil takes the server's default for streams.
    ///   - metadata: Sent along, for example `traceparent` and `tenant`.
    public func stream<Request: Message, Response: Message>(
        _ method: StreamingMethod<Request, Response>, _ request: Request, timeout: Duration? = nil,
        metadata: [String: String] = [:]
    ) -> CallStream<Response> {
        CallStream(
            packed: stream(path: method.path, payload: request.pack(), timeout: timeout, metadata: metadata),
            path: method.path)
    }

    // MARK: - Calls in packed bytes

    /// Makes a unary call of packed messages, for methods known by name only; otherwise as the typed call.
    public func call(
        path: String, payload: [UInt8], timeout: Duration? = nil, metadata: [String: String] = [:]
    ) async throws(CallError) -> [UInt8] {
        let attempts = CallAttempts(
            endpoint: endpoint, configuration: configuration, method: path, payload: payload, metadata: metadata,
            timeout: timeout ?? configuration.defaultTimeout, credit: 0)
        switch await attempts.run().event {
        case .end(.success(let payload)): return payload
        case .end(.failure(let error, _)): throw error
        case .message: throw CallError(.internal, "\(path) answers with a stream; call it as one")
        }
    }

    /// Makes a streaming call of packed messages; otherwise as the typed one.
    public func stream(
        path: String, payload: [UInt8], timeout: Duration? = nil, metadata: [String: String] = [:]
    ) -> PackedCallStream {
        let credit = max(1, configuration.streamCredit)
        return PackedCallStream(
            CallReader(
                CallAttempts(
                    endpoint: endpoint, configuration: configuration, method: path, payload: payload,
                    metadata: metadata, timeout: timeout, credit: credit)))
    }

    /// Makes a call without knowing whether it is unary or a stream, and returns the payload of its end.
    ///
    /// - Parameters:
    ///   - timeout: What the call may take in all; nil takes the server's default.
    ///   - onMessage: Takes each message of a stream; the next one is not asked for before it returns, and an error from
    ///     it takes the call back.
    public func forward(
        path: String, payload: [UInt8], timeout: Duration? = nil, metadata: [String: String] = [:],
        onMessage: ([UInt8]) async throws(CallError) -> Void
    ) async throws(CallError) -> [UInt8] {
        let stream = stream(path: path, payload: payload, timeout: timeout, metadata: metadata)
        while let message = try await stream.reader.next() {
            try await onMessage(message)
        }
        return stream.reader.finalPayload
    }
}

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
