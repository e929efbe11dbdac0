import NIOCore
import NIOHTTP1

/// Answers the requests of one connection to the HTTP port.
///
/// Used on its connection's event loop only.
final class MonitoringHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let server: MonitoringServer
    private var context: ChannelHandlerContext?
    private var head: HTTPRequestHead?
    private var alarm: Scheduled<Void>?
    /// How many requests were answered.
    private(set) var answered = 0
    /// The last answer was given.
    private(set) var isClosing = false

    /// How long what comes after the last answer is thrown away: closing at once would reset the connection, and the client
    /// might never see the answer.
    private static let discardTime = TimeAmount.seconds(1)

    init(server: MonitoringServer) {
        self.server = server
    }

    // MARK: - Channel

    /// Whether the client's system has not taken the answer before.
    private var isWriting = false

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        setAlarm(server.limits.firstRequestTime)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        alarm?.cancel()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        alarm?.cancel()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else {
            context.close(promise: nil)
            return
        }
        switch error {
        case .headerOverflow: refuse(.requestHeaderFieldsTooLarge, "the request's header is too long")
        case .invalidVersion: refuse(.httpVersionNotSupported, "use HTTP/1.1")
        default: refuse(.badRequest, "this is no HTTP request, or has no method that there is; use GET or HEAD")
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosing else { return }
        switch unwrapInboundIn(data) {
        case .head(let head): begin(head)
        case .body: break
        case .end: if let head { answer(head) }
        }
    }

    private func begin(_ head: HTTPRequestHead) {
        self.head = head
        guard head.version.major == 1 else { return refuse(.httpVersionNotSupported, "use HTTP/1.1") }
        guard head.method == .GET || head.method == .HEAD else {
            return refuse(.methodNotAllowed, "\(head.method) is not for here; use GET or HEAD")
        }
        // Where it ends might be read in two ways; and nobody has to send one.
        let hasBody =
            head.headers.contains(name: "transfer-encoding")
            || head.headers["content-length"].contains { $0 != "0" }
        if hasBody { refuse(.badRequest, "send no body") }
    }

    // MARK: - Answers

    private func answer(_ head: HTTPRequestHead) {
        self.head = nil
        let path = head.uri.prefix { $0 != "?" && $0 != "#" }
        let keepsAlive = head.isKeepAlive
        switch path {
        case "/metrics":
            let format = Self.format(head.headers[canonicalForm: "accept"])
            reply(
                .ok, server.metrics(format), type: format.contentType, to: head.method, keepsAlive: keepsAlive)
        case "/healthz":
            reply(.ok, "the \(server.service) lives", to: head.method, keepsAlive: keepsAlive)
        case "/readyz":
            let readiness = server.readiness
            var status = HTTPResponseStatus.serviceUnavailable
            if case .ready = readiness { status = .ok }
            reply(status, readiness.sentence(server.service), to: head.method, keepsAlive: keepsAlive)
        default:
            reply(
                .notFound, "there is nothing here; ask for /metrics, /healthz or /readyz", to: head.method,
                keepsAlive: keepsAlive)
        }
    }

    /// OpenMetrics for those who list it, whatever else they list.
    private static func format(_ accepted: [Substring]) -> MetricsWriter.Format {
        accepted.contains { $0.hasPrefix("application/openmetrics-text") } ? .openMetrics : .text
    }

    /// Answers with an error and closes.
    func refuse(_ status: HTTPResponseStatus, _ sentence: String) {
        guard !isClosing else { return }
        reply(status, sentence, to: head?.method ?? .GET, keepsAlive: false)
    }

    private func reply(_ status: HTTPResponseStatus, _ sentence: String, to method: HTTPMethod, keepsAlive: Bool) {
        reply(
            status, Array((sentence + "\n").utf8), type: "text/plain; charset=utf-8", to: method,
            keepsAlive: keepsAlive)
    }

    private func reply(
        _ status: HTTPResponseStatus, _ body: [UInt8], type: String, to method: HTTPMethod, keepsAlive: Bool
    ) {
        guard let context, !isClosing else { return }
        answered += 1
        // Who asks on without reading the answers would have them pile up here.
        isClosing = !keepsAlive || answered >= server.limits.maximumRequests || isWriting
        isWriting = true
        var headers = HTTPHeaders([
            ("Content-Type", type), ("Content-Length", "\(body.count)"), ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ])
        if status == .methodNotAllowed { headers.add(name: "Allow", value: "GET, HEAD") }
        if isClosing { headers.add(name: "Connection", value: "close") }
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if method != .HEAD {
            context.write(
                wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(bytes: body)))), promise: nil)
        }
        setAlarm(server.limits.answerTime)
        let count = answered
        context.writeAndFlush(wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { [weak self] _ in
            self?.written(count)
        }
    }

    /// The client's system has taken an answer.
    private func written(_ count: Int) {
        guard let context, count == answered else { return }
        isWriting = false
        guard isClosing else { return setAlarm(server.limits.idleTime) }
        context.close(mode: .output, promise: nil)
        setAlarm(Self.discardTime)
    }

    /// Closes the connection then, unless it is set anew before.
    private func setAlarm(_ time: TimeAmount) {
        guard let context else { return }
        alarm?.cancel()
        let channel = context.channel
        alarm = context.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
    }
}
