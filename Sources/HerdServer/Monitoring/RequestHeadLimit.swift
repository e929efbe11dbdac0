import NIOCore
import NIOHTTP1

/// Has requests refused whose line and header go on for too long, before they are parsed to an end.
///
/// Used on its connection's event loop only.
final class RequestHeadLimit: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let limit: Int
    private let handler: MonitoringHandler
    private var received = 0

    init(_ limit: Int, _ handler: MonitoringHandler) {
        self.limit = limit
        self.handler = handler
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // What comes after the last answer is thrown away, not parsed.
        guard !handler.isClosing else { return }
        received += unwrapInboundIn(data).readableBytes
        let answered = handler.answered
        context.fireChannelRead(data)
        if handler.answered != answered { received = 0 }
        if received > limit { handler.refuse(.requestHeaderFieldsTooLarge, "the request's header is too long") }
    }
}
