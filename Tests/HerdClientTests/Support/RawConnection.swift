import HerdFrames
import HerdTransport
import NIOCore
import NIOPosix
import Testing

/// A peer that sends whatever a test wants and hands out what comes back.
final class RawConnection: Sendable {
    private let channel: any Channel
    private let frames: AsyncStream<Frame>.Iterator.Shared

    private init(channel: any Channel, frames: AsyncStream<Frame>) {
        self.channel = channel
        self.frames = .init(frames)
    }

    static func connect(to address: EndpointAddress) async throws -> RawConnection {
        guard case .network(let host, let port) = address else { throw TooLate() }
        let (frames, continuation) = AsyncStream<Frame>.makeStream()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(continuation))
                }
            }
            .connect(host: host, port: port).get()
        return RawConnection(channel: channel, frames: frames)
    }

    /// Takes over a connection that was accepted; call on its event loop.
    static func accepted(_ channel: any Channel) throws -> RawConnection {
        let (frames, continuation) = AsyncStream<Frame>.makeStream()
        try channel.pipeline.syncOperations.addHandler(Collector(continuation))
        return RawConnection(channel: channel, frames: frames)
    }

    func send(_ frames: Frame...) {
        send(bytes: frames.flatMap { $0.wireBytes() })
    }

    func send(bytes: [UInt8]) {
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    /// The next frame; nil when the server has closed.
    func next() async throws -> Frame? {
        try await within { await self.frames.next() }
    }

    /// The next frame, which has to be of that kind.
    func next(_ kind: Frame.Kind, sourceLocation: SourceLocation = #_sourceLocation) async throws -> Frame {
        let frame = try #require(try await next(), sourceLocation: sourceLocation)
        #expect(frame.kind == kind, "\(frame)", sourceLocation: sourceLocation)
        return frame
    }

    /// Expects GOAWAY with that code and then the end of the connection.
    @discardableResult
    func expectGoAway(
        _ code: StatusCode, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Frame {
        let frame = try await next(.goAway, sourceLocation: sourceLocation)
        #expect(frame.code == code, "\(frame.message)", sourceLocation: sourceLocation)
        #expect(try await next() == nil, sourceLocation: sourceLocation)
        return frame
    }

    /// Nothing came for the frames sent so far but what was taken: a PING is answered next.
    func expectNothingMore(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        send(Frame(.ping, payload: [1, 2, 3]))
        let pong = try await next(.pong, sourceLocation: sourceLocation)
        #expect(pong.payload == [1, 2, 3], sourceLocation: sourceLocation)
    }

    /// Stops or goes on reading what the server sends.
    func setReading(_ isReading: Bool) async throws {
        try await channel.setOption(.autoRead, value: isReading).get()
    }

    func close() async throws {
        try await channel.close().get()
    }

    // MARK: - As a server

    /// Takes the client's HELLO and says it back.
    func greetClient(_ metadata: [String: String] = [:]) async throws {
        _ = try await next(.hello)
        send(Frame(.hello, metadata: metadata, version: 1))
    }

    /// Answers every REQUEST so, until the client leaves; what is nil is not answered.
    func serve(_ answer: @escaping @Sendable (Frame) -> Frame?) async throws {
        while let frame = await frames.next() {
            guard frame.kind == .request else { continue }
            if let answer = answer(frame) { send(answer) }
        }
    }
}

/// Decodes what comes and passes it on.
private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let continuation: AsyncStream<Frame>.Continuation
    private var bytes = ByteBuffer()

    init(_ continuation: AsyncStream<Frame>.Continuation) {
        self.continuation = continuation
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var more = unwrapInboundIn(data)
        bytes.writeBuffer(&more)
        let decoder = FrameDecoder(maximumLength: 64 << 20)
        while true {
            let next = bytes.withUnsafeReadableBytes { bytes in
                (try? decoder.next(in: bytes)).flatMap { $0 }.map { (Frame($0.frame), $0.size) }
            }
            guard let (frame, size) = next else { return }
            bytes.moveReaderIndex(forwardBy: size)
            continuation.yield(frame)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        continuation.finish()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

extension AsyncStream.Iterator where Element: Sendable {
    /// One reader for a stream, passed around.
    actor Shared {
        private let stream: AsyncStream<Element>

        init(_ stream: AsyncStream<Element>) {
            self.stream = stream
        }

        func next() async -> Element? {
            var iterator = stream.makeAsyncIterator()
            return await iterator.next()
        }
    }
}
