import HerdClient
import HerdFrames
import HerdMessages
import HerdTransport
import NIOCore
import NIOPosix
import Testing

/// A server that does what a test says, frame by frame.
final class ScriptedServer: Sendable {
    let address: EndpointAddress
    private let listener: any Channel
    private let connections: AsyncStream<RawConnection>.Iterator.Shared

    private init(address: EndpointAddress, listener: any Channel, connections: AsyncStream<RawConnection>) {
        self.address = address
        self.listener = listener
        self.connections = .init(connections)
    }

    static func start() async throws -> ScriptedServer {
        let (connections, continuation) = AsyncStream<RawConnection>.makeStream()
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    continuation.yield(try RawConnection.accepted(channel))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return ScriptedServer(
            address: try #require(EndpointAddress(boundTo: listener)), listener: listener, connections: connections)
    }

    func client(_ configuration: ClientConfiguration = ClientConfiguration()) -> HerdClient {
        HerdClient(address: address, configuration: configuration)
    }

    /// The next connection of a client.
    func accept(sourceLocation: SourceLocation = #_sourceLocation) async throws -> RawConnection {
        try #require(
            try await within(sourceLocation: sourceLocation) { await self.connections.next() },
            sourceLocation: sourceLocation)
    }

    /// The next connection, after both HELLOs.
    func greet(_ metadata: [String: String] = [:]) async throws -> RawConnection {
        let connection = try await accept()
        try await connection.greetClient(metadata)
        return connection
    }

    /// Greets every client and answers its requests so, until the task is cancelled.
    func serve(_ answer: @escaping @Sendable (Frame) -> Frame?) async {
        await withTaskGroup(of: Void.self) { group in
            while let connection = await connections.next(), !Task.isCancelled {
                group.addTask {
                    try? await connection.greetClient()
                    try? await connection.serve(answer)
                }
            }
        }
    }

    func close() async throws {
        try await listener.close().get()
    }
}

extension Frame {
    /// An END with an error.
    static func end(_ request: Frame, _ code: StatusCode, _ metadata: [String: String] = [:]) -> Frame {
        Frame(.end, call: request.call, code: code, message: "as the script says", metadata: metadata)
    }

    /// A good END of a Route.
    static func routed(_ request: Frame, _ id: String = "") -> Frame {
        Frame(.end, call: request.call, payload: HerdClientTests.routed(id).pack())
    }
}
