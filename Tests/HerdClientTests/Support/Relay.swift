import HerdTransport
import NIOCore
import NIOPosix
import Testing

/// Passes bytes between clients and a server until it is cut.
struct Relay {
    let address: EndpointAddress
    private let listener: any Channel
    private let group: MultiThreadedEventLoopGroup

    static func start(to server: EndpointAddress) async throws -> Relay {
        guard case .network(let host, let port) = server else { throw TooLate() }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let listener = try await ServerBootstrap(group: group)
            .childChannelInitializer { incoming in
                ClientBootstrap(group: incoming.eventLoop).connect(host: host, port: port).flatMapThrowing { outgoing in
                    try incoming.pipeline.syncOperations.addHandler(Pipe(to: outgoing))
                    try outgoing.pipeline.syncOperations.addHandler(Pipe(to: incoming))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return Relay(address: try #require(EndpointAddress(boundTo: listener)), listener: listener, group: group)
    }

    /// Closes every connection through it, without a word.
    func cut() async throws {
        try await group.shutdownGracefully()
    }
}

private final class Pipe: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let other: any Channel

    init(to other: any Channel) {
        self.other = other
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        other.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        other.close(promise: nil)
    }
}
