import NIOCore
import NIOPosix
import Testing

/// A connection to an HTTP port on which a test sends whatever it wants.
final class HTTPConnection: Sendable {
    private let channel: any Channel
    private let input: AsyncStream<[UInt8]>

    private init(_ channel: any Channel, _ input: AsyncStream<[UInt8]>) {
        self.channel = channel
        self.input = input
    }

    static func connect(port: Int) async throws -> HTTPConnection {
        let (input, continuation) = AsyncStream<[UInt8]>.makeStream()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Receiver(continuation))
                }
            }.connect(host: "127.0.0.1", port: port).get()
        return HTTPConnection(channel, input)
    }

    func send(_ bytes: [UInt8]) { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// All that comes until the server closes.
    func untilClosed() async throws -> String {
        let input = input
        return try await within {
            var bytes: [UInt8] = []
            for await part in input { bytes += part }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    /// What the server answers to one connection's bytes, until it closes.
    static func exchange(port: Int, _ bytes: [UInt8]) async throws -> String {
        let connection = try await connect(port: port)
        connection.send(bytes)
        return try await connection.untilClosed()
    }

    /// Body of a GET.
    static func get(_ path: String, port: Int, accept: String = "*/*") async throws -> (head: String, body: String) {
        let answer = try await exchange(
            port: port,
            Array("GET \(path) HTTP/1.1\r\nHost: test\r\nAccept: \(accept)\r\nConnection: close\r\n\r\n".utf8))
        let parts = answer.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        return (String(try #require(parts.first)), parts.count > 1 ? String(parts[1]) : "")
    }

    private final class Receiver: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let continuation: AsyncStream<[UInt8]>.Continuation

        init(_ continuation: AsyncStream<[UInt8]>.Continuation) { self.continuation = continuation }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            continuation.yield(Array(unwrapInboundIn(data).readableBytesView))
        }

        func channelInactive(context: ChannelHandlerContext) { continuation.finish() }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
