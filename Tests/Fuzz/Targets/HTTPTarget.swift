import HerdServer
import Logging
import NIOCore
import NIOEmbedded

extension FuzzTarget {
    /// What comes to the port of metrics: whole answers, of the length that they state, the same however the requests are
    /// cut, and none after the one that closes.
    ///
    /// The first byte sets the size of the pieces.
    static let http = FuzzTarget(name: "http") { bytes in
        guard let first = bytes.first else { return nil }
        let stream = Array(bytes.dropFirst())
        let atOnce = HTTPExchange(stream, size: max(1, stream.count))
        guard let answers = atOnce.answers else { return Violation("no whole answers: \(atOnce.text)") }
        for size in [1, max(1, Int(first))] {
            let cut = HTTPExchange(stream, size: size)
            guard cut.answers == answers else {
                return Violation("cut into pieces of \(size) the requests are answered otherwise: \(cut.text)")
            }
        }
        return nil
    } seeds: {
        [
            "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n",
            "HEAD /readyz?x=1 HTTP/1.0\r\n\r\n", "POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text; version=1.0.0\r\n\r\n",
            "GET /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "GET / HTTP/2.0\r\n\r\n",
        ].map { [7] + Array($0.utf8) }
    }
}

/// Requests to the port of a service that is ready, and what it answers.
private struct HTTPExchange {
    private(set) var text = ""

    init(_ stream: [UInt8], size: Int) {
        let channel = EmbeddedChannel()
        let server = MonitoringServer(
            service: "fuzz", logger: Logger(label: "fuzz", factory: { _ in SwiftLogNoOpLogHandler() }),
            eventLoop: channel.embeddedEventLoop)
        server.report(
            .init(readiness: { .ready(degraded: []) }, metrics: { $0.gauge("herd_fuzz", "How many.", 1) }))
        guard (try? server.accept(channel)) != nil else { return }
        try? channel.connect(to: SocketAddress(unixDomainSocketPath: "/fuzz")).wait()
        for start in stride(from: 0, to: stream.count, by: size) {
            _ = try? channel.writeInbound(ByteBuffer(bytes: stream[start..<min(stream.count, start + size)]))
            channel.embeddedEventLoop.run()
        }
        _ = try? channel.finish(acceptAlreadyClosed: true)
        while let sent = try? channel.readOutbound(as: ByteBuffer.self) {
            text += String(decoding: sent.readableBytesView, as: UTF8.self)
        }
    }

    /// The statuses of all answers, nil where what was sent is not made of whole ones.
    var answers: [String]? {
        var answers: [String] = []
        var rest = Array(text.utf8)[...]
        var isOver = false
        while !rest.isEmpty {
            guard !isOver, rest.starts(with: "HTTP/1.1 ".utf8), let end = rest.endOfHead else { return nil }
            let head = String(decoding: rest[..<end], as: UTF8.self).lowercased().split(separator: "\r\n")
            rest = rest[end...]
            answers.append(String(head[0]))
            isOver = head.contains("connection: close")
            guard let line = head.first(where: { $0.hasPrefix("content-length: ") }),
                let length = Int(line.dropFirst("content-length: ".count))
            else { return nil }
            // An answer to HEAD states a length and has no body.
            if rest.starts(with: "HTTP/1.1 ".utf8) || rest.isEmpty { continue }
            guard rest.count >= length else { return nil }
            rest = rest.dropFirst(length)
        }
        return answers
    }
}

extension ArraySlice<UInt8> {
    fileprivate var endOfHead: Int? {
        let mark = Array("\r\n\r\n".utf8)
        guard count >= 4 else { return nil }
        return (startIndex...endIndex - 4).first { self[$0..<$0 + 4].elementsEqual(mark) }.map { $0 + 4 }
    }
}
