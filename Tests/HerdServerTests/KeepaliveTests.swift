import HerdFrames
import HerdMessages
import HerdServer
import Testing

/// What time does to a connection: silence, idleness, frames that do not end.
@Suite struct KeepaliveTests {
    private func configuration(
        interval: Duration = .seconds(60), timeout: Duration = .seconds(20), idle: Duration = .zero,
        frame: Duration = .seconds(30)
    ) -> ServerConfiguration {
        var configuration = ServerConfiguration()
        configuration.keepaliveInterval = interval
        configuration.keepaliveTimeout = timeout
        configuration.idleTimeout = idle
        configuration.frameTimeout = frame
        return configuration
    }

    @Test func `a quiet peer is pinged, and lives on while it answers`() async throws {
        try await withServer(configuration(interval: .milliseconds(40))) { server in
            let connection = try await server.greet()
            for _ in 0..<5 {
                _ = try await connection.next(.ping)
                connection.send(Frame(.pong))
            }
            #expect(try await connection.isServing())
        }
    }

    @Test func `a peer that answers no PING is given up, and its calls are cancelled`() async throws {
        let cancelled = Signal()
        try await withServer(configuration(interval: .milliseconds(300), timeout: .milliseconds(100))) { server in
            server.unary(Router.route) { _, _ in
                do { try await Task.sleep(for: .seconds(60)) } catch { cancelled.fire() }
                return RouteResponse()
            }
        } _: { server in
            let connection = try await server.connect()
            connection.send(Frame(.hello, version: 1), .route(1))
            _ = try await connection.next(.hello)
            _ = try await connection.next(.ping)
            let goAway = try await connection.expectGoAway(.deadlineExceeded)
            #expect(goAway.message.contains("PONG"))
            try await cancelled.wait()
            try await server.untilIdle()
            try await within { while server.server.connectionCount > 0 { await Task.yield() } }
        }
    }

    @Test func `before HELLO nobody is pinged`() async throws {
        var configuration = configuration(interval: .milliseconds(20))
        configuration.helloTimeout = .milliseconds(150)
        try await withServer(configuration) { server in
            let connection = try await server.connect()
            try await connection.expectGoAway(.deadlineExceeded)
        }
    }

    // MARK: - Idleness

    @Test func `a connection without calls is sent away`() async throws {
        try await withServer(configuration(idle: .milliseconds(60))) { server in
            let connection = try await server.greet()
            let goAway = try await connection.next(.goAway)
            #expect(goAway.code == .ok)
            _ = try await connection.next(.ping)
            // What was on the way gets to know that it was not started.
            connection.send(.route(7), Frame(.pong))
            let end = try await connection.next(.end)
            #expect(end.code == .unavailable)
            #expect(end.metadata == ["not-started": "1"])
            #expect(try await connection.next() == nil)
        }
    }

    @Test func `a connection with an open call is not idle`() async throws {
        let gate = Signal()
        try await withServer(configuration(idle: .milliseconds(50))) { server in
            server.unary(Router.route) { _, _ in
                await gate.waitRegardless()
                return RouteResponse()
            }
        } _: { server in
            // The call right behind HELLO, before idleness can begin.
            let connection = try await server.connect()
            connection.send(Frame(.hello, version: 1), .route(1))
            _ = try await connection.next(.hello)
            // Another connection without a call is sent away meanwhile.
            let idle = try await server.greet()
            _ = try await idle.next(.goAway)
            gate.fire()
            #expect(try await connection.next(.end).code == .ok)
            #expect(try await connection.next(.goAway).code == .ok)
        }
    }

    @Test func `pings do not keep an idle connection`() async throws {
        try await withServer(configuration(idle: .milliseconds(80))) { server in
            let connection = try await server.greet()
            var last: Frame?
            for _ in 0..<10_000 {
                connection.send(Frame(.ping))
                last = try await connection.next()
                guard last?.kind == .pong else { break }
            }
            #expect(last?.kind == .goAway)
        }
    }

    // MARK: - Frames that do not end

    @Test func `half a frame and then silence`() async throws {
        try await withServer(configuration(frame: .milliseconds(60))) { server in
            let connection = try await server.greet()
            connection.send(bytes: Array(Frame.route(1).wireBytes().dropLast()))
            let goAway = try await connection.expectGoAway(.deadlineExceeded)
            #expect(goAway.message.contains("60 ms"))
            #expect(try await server.figure("protocol_errors_frame_timeout") == 1)
        }
    }

    @Test func `bytes that trickle in do not prolong a frame`() async throws {
        try await withServer(configuration(frame: .milliseconds(100))) { server in
            let connection = try await server.greet()
            // A frame of a megabyte, a few bytes at a time.
            connection.send(bytes: [0, 16, 0, 0, 0x2a, 0x80, 0x80, 0x40])
            let trickle = Task {
                while !Task.isCancelled {
                    connection.send(bytes: [0])
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
            try await connection.expectGoAway(.deadlineExceeded)
            trickle.cancel()
        }
    }

    @Test func `a slow frame that ends in time is taken, and so is the next`() async throws {
        try await withServer(configuration(frame: .milliseconds(2000))) { server in
            let connection = try await server.greet()
            for call in 1...3 as ClosedRange<UInt64> {
                let frame = Frame(.request, call: call, method: Admin.health.path)
                for byte in frame.wireBytes() { connection.send(bytes: [byte]) }
                #expect(try await connection.next(.end).code == .ok)
            }
        }
    }
}
