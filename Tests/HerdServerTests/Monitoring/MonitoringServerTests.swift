import HerdServer
import HerdTransport
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing

/// The HTTP port that operators look at.
@Suite struct MonitoringServerTests {
    private static let get = "GET /healthz HTTP/1.1\r\nHost: test\r\n"

    private func withMonitor(
        _ limits: MonitoringLimits = MonitoringLimits(), _ body: (MonitoringServer, _ port: Int) async throws -> Void
    ) async throws {
        let server = MonitoringServer(
            service: "router", limits: limits, logger: quietLogger,
            eventLoop: MultiThreadedEventLoopGroup.singleton.any())
        let bound = try await server.start([.network(host: "127.0.0.1", port: 0)])
        guard case .network(_, let port)? = bound.first else { return #expect(Bool(false), "\(bound)") }
        do {
            try await body(server, port)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    @Test func `it tells whether the service is ready`() async throws {
        try await withMonitor { server, port in
            let starting = try await HTTPConnection.get("/readyz", port: port)
            #expect(starting.head.hasPrefix("HTTP/1.1 503"))
            #expect(starting.body == "the router is starting: its store is being opened\n")
            let readiness = NIOLockedValueBox(Readiness.ready(degraded: []))
            server.report(.init(readiness: { readiness.withLockedValue { $0 } }, metrics: { _ in }))
            for (state, status, sentence) in [
                (Readiness.ready(degraded: []), "200", "the router is ready"),
                (.ready(degraded: ["the scorer is away"]), "200", "the router is ready, degraded: the scorer is away"),
                (.draining, "503", "the router is draining: it ends open calls and takes no new ones"),
            ] {
                readiness.withLockedValue { $0 = state }
                let answer = try await HTTPConnection.get("/readyz?verbose", port: port)
                #expect(answer.head.hasPrefix("HTTP/1.1 \(status)"))
                #expect(answer.body == sentence + "\n")
                #expect(try await HTTPConnection.get("/healthz", port: port).head.hasPrefix("HTTP/1.1 200"))
            }
        }
    }

    @Test func `it listens on all addresses of both kinds`() async throws {
        var port = 0
        // Free a moment ago.
        try await withMonitor { port = $1 }
        let server = MonitoringServer(
            service: "router", limits: MonitoringLimits(), logger: quietLogger,
            eventLoop: MultiThreadedEventLoopGroup.singleton.any())
        let addresses = ["0.0.0.0", "::"].map { EndpointAddress.network(host: $0, port: port) }
        #expect(try await server.start(addresses).count == 2)
        #expect(try await HTTPConnection.get("/healthz", port: port).head.hasPrefix("HTTP/1.1 200"))
        await server.stop()
    }

    /// What is sent, and the status it gets; all of these end with the connection closed.
    private static let hostile: [(name: String, bytes: [UInt8], status: String)] = [
        ("another path", "GET /nope HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "404"),
        ("HTTP/1.0", "GET /healthz HTTP/1.0\r\n\r\n", "200"),
        ("POST", "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "405"),
        ("DELETE", "DELETE /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "405"),
        ("a method there is not", "FETCH /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("a body", "GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "400"),
        ("a body in chunks", "GET /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
        (
            "two lengths",
            "GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
            "400"
        ),
        ("no HTTP", "\u{0}\u{1}\u{2}\r\n\r\n", "400"),
        ("TLS", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}", "400"),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400 405 505"),
        ("HTTP/9", "GET / HTTP/9.9\r\nHost: a\r\n\r\n", "400 505"),
        ("a long path", "GET /\(String(repeating: "a", count: 40_000)) HTTP/1.1\r\nHost: a\r\n\r\n", "431"),
        ("a long field", "GET / HTTP/1.1\r\nA: \(String(repeating: "a", count: 40_000))\r\n\r\n", "431"),
        ("an endless field", "GET / HTTP/1.1\r\nA: \(String(repeating: "a", count: 200_000))", "431"),
        (
            "many fields", "GET / HTTP/1.1\r\n\((0..<200).map { "A\($0): b\r\n" }.joined())\r\n", "431"
        ),
        ("a bare field", "GET / HTTP/1.1\r\nnonsense\r\n\r\n", "400"),
    ].map { (name: $0.0, bytes: Array($0.1.utf8), status: $0.2) }

    @Test(arguments: hostile.indices) func `hostile bytes get an error and a close`(index: Int) async throws {
        let (name, bytes, status) = Self.hostile[index]
        try await withMonitor { _, port in
            let answer = try await HTTPConnection.exchange(port: port, bytes)
            let got = answer.dropFirst("HTTP/1.1 ".count).prefix(3)
            #expect(status.split(separator: " ").contains(got), "\(name): \(answer.prefix(200))")
            #expect(try await HTTPConnection.get("/healthz", port: port).head.hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func `HEAD gets the length and no body, many requests share a connection`() async throws {
        try await withMonitor { _, port in
            let head = try await HTTPConnection.exchange(
                port: port, Array("HEAD /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".utf8))
            #expect(head.contains("Content-Length: 17\r\n"))
            #expect(head.hasSuffix("\r\n\r\n"))
            let requests = String(repeating: Self.get + "\r\n", count: 20)
            let all = try await HTTPConnection.exchange(
                port: port, Array((requests + Self.get + "Connection: close\r\n\r\n").utf8))
            #expect(all.components(of: "HTTP/1.1 200 OK") == 21)
        }
    }

    @Test func `requests and connections are bounded, silent clients are sent away`() async throws {
        var limits = MonitoringLimits()
        limits.maximumRequests = 3
        limits.maximumConnections = 2
        try await withMonitor(limits) { _, port in
            let requests = String(repeating: Self.get + "\r\n", count: 10)
            let answers = try await HTTPConnection.exchange(port: port, Array(requests.utf8))
            #expect(answers.components(of: "HTTP/1.1 200 OK") == 3)
            #expect(answers.contains("Connection: close"))
        }
        limits.firstRequestTime = .milliseconds(200)
        limits.idleTime = .milliseconds(200)
        try await withMonitor(limits) { _, port in
            // Says nothing; says half; says one thing and no more.
            #expect(try await HTTPConnection.exchange(port: port, []).isEmpty)
            #expect(try await HTTPConnection.exchange(port: port, Array("GET /hea".utf8)).isEmpty)
            let one = try await HTTPConnection.exchange(port: port, Array((Self.get + "\r\n").utf8))
            #expect(one.components(of: "HTTP/1.1 200 OK") == 1)
        }
        limits.firstRequestTime = .seconds(60)
        try await withMonitor(limits) { _, port in
            let last = Self.get + "Connection: close\r\n\r\n"
            let kept = [try await HTTPConnection.connect(port: port), try await HTTPConnection.connect(port: port)]
            // Whoever comes is answered, and the oldest is sent away for it.
            let third = try await HTTPConnection.exchange(port: port, Array(last.utf8))
            #expect(third.hasPrefix("HTTP/1.1 200 OK"))
            #expect(try await kept[0].untilClosed().isEmpty)
            kept[1].send(last)
            #expect(try await kept[1].untilClosed().hasPrefix("HTTP/1.1 200 OK"))
        }
    }

    @Test func `metrics are written once a second, in the format that is asked for`() async throws {
        try await withMonitor { server, port in
            let written = NIOLockedValueBox(0)
            server.report(
                .init(readiness: { .ready(degraded: []) }) { writer in
                    let count = written.withLockedValue { count in
                        count += 1
                        return count
                    }
                    writer.counter("herd_tests_total", "Tests.", Double(count))
                })
            let text = try await HTTPConnection.get("/metrics", port: port)
            #expect(text.head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"))
            #expect(
                text.body == "# HELP herd_tests_total Tests.\n# TYPE herd_tests_total counter\nherd_tests_total 1\n")
            let again = try await HTTPConnection.get("/metrics", port: port)
            #expect(again.body == text.body)
            let open = try await HTTPConnection.get(
                "/metrics", port: port, accept: "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
            #expect(open.head.contains("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"))
            #expect(
                open.body == "# HELP herd_tests Tests.\n# TYPE herd_tests counter\nherd_tests_total 2\n# EOF\n")
        }
    }
}

extension String {
    fileprivate func components(of part: String) -> Int { ranges(of: part).count }
}
