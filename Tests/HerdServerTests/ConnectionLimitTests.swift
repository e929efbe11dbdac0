import HerdFrames
import HerdMessages
import HerdServer
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing

/// How many connections a server takes, and where they run.
@Suite struct ConnectionLimitTests {
    @Test func `a connection over the limit is told so, the others go on, and one that ends makes room`() async throws {
        var configuration = ServerConfiguration()
        configuration.maximumConnections = 3
        try await withServer(configuration) { server in
            var served: [RawConnection] = []
            for _ in 0..<3 { served.append(try await server.greet()) }
            for _ in 0..<5 {
                let refused = try await server.connect()
                // Whatever it pipelines, it sees why it is refused.
                refused.send(Frame(.hello, version: 1), .route(1))
                let goAway = try await refused.expectGoAway(.resourceExhausted)
                #expect(goAway.message.contains("3 connections"))
            }
            for connection in served { #expect(try await connection.isServing()) }
            #expect(server.server.connectionCount == 3)
            try await served[0].close()
            try await within { while server.server.connectionCount > 2 { await Task.yield() } }
            let next = try await server.greet()
            let status = try await next.call(Admin.status, StatusRequest())
            #expect(status.figures["connections_refused"] == 5)
            #expect(status.figures["connections_limit"] == 3)
            #expect(status.connections == 3)
        }
    }

    @Test func `those that say nothing give way to those that do, the oldest first`() async throws {
        var configuration = ServerConfiguration()
        configuration.maximumConnections = 4
        try await withServer(configuration) { server in
            var silent: [RawConnection] = []
            for _ in 0..<4 { silent.append(try await server.connect()) }
            // Half of a HELLO is none.
            silent[3].send(bytes: Array(Frame(.hello, version: 1).wireBytes().dropLast()))
            try await within { while server.server.connectionCount < 4 { await Task.yield() } }
            var served: [RawConnection] = []
            for connection in silent {
                served.append(try await server.greet())
                let goAway = try await connection.expectGoAway(.resourceExhausted)
                #expect(goAway.message.contains("4 connections") && goAway.message.contains("HELLO"))
                #expect(server.server.connectionCount == 4)
            }
            // Everybody has said HELLO: the new one is over the limit.
            for _ in 0..<2 {
                let refused = try await server.connect()
                let goAway = try await refused.expectGoAway(.resourceExhausted)
                #expect(goAway.message.contains("4 connections"))
            }
            for connection in served { #expect(try await connection.isServing()) }
            let figures = try await served[0].call(Admin.status, StatusRequest()).figures
            #expect(figures["connections_refused"] == 6 && figures["unauthenticated"] == 0)
        }
    }

    @Test func `connections are spread over the event loops`() async throws {
        var configuration = ServerConfiguration()
        configuration.eventLoops = 2
        let threads = NIOLockedValueBox<[String: Int]>([:])
        try await withServer(configuration) { server in
            server.immediate(Router.route) { _, _ in
                let name = "\(MultiThreaded.currentLoop)"
                threads.withLockedValue { $0[name, default: 0] += 1 }
                return RouteResponse()
            }
        } _: { server in
            var connections: [RawConnection] = []
            for _ in 0..<40 {
                let connection = try await server.greet()
                connections.append(connection)
                connection.send(.route(1))
                #expect(try await connection.next(.end).code == .ok)
            }
            let counts = threads.withLockedValue { $0.values.sorted() }
            #expect(counts.count == 2)
            #expect((counts.first ?? 0) >= 15, "\(counts)")
        }
    }

    @Test func `calls on several event loops all end, also while the server drains`() async throws {
        var configuration = ServerConfiguration()
        configuration.eventLoops = 2
        let server = HerdServer(name: "test", configuration: configuration, logger: quietLogger)
        let begun = Counter()
        server.unary(Router.route, on: .pool) { _, _ in
            begun.increment()
            return RouteResponse()
        }
        let test = TestServer(server: server, addresses: try await server.start())
        // All there before the drain, in which nobody is let in any more.
        var connections: [RawConnection] = []
        for _ in 0..<8 { connections.append(try await test.greet()) }
        try await withThrowingTaskGroup(of: (Int, Int).self) { group in
            for connection in connections {
                group.addTask {
                    connection.send(bytes: (1...500).flatMap { Frame.route($0).wireBytes() })
                    var ended = (done: 0, notStarted: 0)
                    while ended.done + ended.notStarted < 500 {
                        let frame = try #require(try await connection.next())
                        guard frame.kind == .end else { continue }
                        switch frame.code {
                        case .ok: ended.done += 1
                        default:
                            #expect(frame.metadata == ["not-started": "1"], "\(frame.message)")
                            ended.notStarted += 1
                        }
                    }
                    return ended
                }
            }
            try await begun.wait(for: 1)
            async let stopped: Void = server.stop(timeout: .seconds(20))
            for try await ended in group { #expect(ended.0 + ended.1 == 500) }
            await stopped
        }
    }
}

private enum MultiThreaded {
    static var currentLoop: String {
        MultiThreadedEventLoopGroup.currentEventLoop.map { "\(ObjectIdentifier($0))" } ?? "none"
    }
}
