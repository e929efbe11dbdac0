import HerdFrames
import HerdMessages
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

    /// - Parameter systemBuffer: How many bytes the system keeps for the peer each way; 0 lets it decide.
    static func connect(to address: EndpointAddress, systemBuffer: Int = 0) async throws -> RawConnection {
        let (frames, continuation) = AsyncStream<Frame>.makeStream()
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        if systemBuffer > 0 {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: systemBuffer)
                .channelOption(.socketOption(.so_sndbuf), value: systemBuffer)
        }
        bootstrap =
            bootstrap
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(continuation))
                }
            }
        let channel =
            switch address {
            case .network(let host, let port): try await bootstrap.connect(host: host, port: port).get()
            case .unix(let path): try await bootstrap.connect(unixDomainSocketPath: path).get()
            }
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

    /// The next frame that is of another kind.
    func next(otherThan kind: Frame.Kind) async throws -> Frame? {
        try await within(.seconds(60)) {
            var frame = await self.frames.next()
            while frame?.kind == kind { frame = await self.frames.next() }
            return frame
        }
    }

    /// Takes so many frames, all of which have to be of that kind, without looking at each.
    func take(_ count: Int, _ kind: Frame.Kind, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let taken = try await within(.seconds(60)) {
            for index in 0..<count {
                guard await self.frames.next()?.kind == kind else { return index }
            }
            return count
        }
        #expect(taken == count, sourceLocation: sourceLocation)
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

    /// Whether all that was sent has left this process.
    var hasSentAll: Bool {
        get async throws { try await channel.getOption(.bufferedWritableBytes).get() == 0 }
    }
}

extension RawConnection {
    /// Calls a unary method and takes its answer.
    func call<Request: Message, Response: Message>(
        _ method: UnaryMethod<Request, Response>, _ request: Request, id: UInt64 = 1_000_000
    ) async throws -> Response {
        send(Frame(.request, call: id, method: method.path, payload: request.pack()))
        let end = try #require(try await next(otherThan: .ping))
        #expect(end.call == id)
        #expect(end.code == .ok, "\(end.message)")
        return try Response(packed: end.payload)
    }

    func isServing() async throws -> Bool {
        try await call(Admin.health, HealthRequest()).state == .serving
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
