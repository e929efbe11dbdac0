import HerdFrames
import HerdMessages
import HerdServer
import HerdTransport
import Testing

/// What a server that stops says to whom.
@Suite struct DrainTests {
    /// A server with a call on it that ends when the gate opens.
    private struct Draining {
        let server: HerdServer
        let test: TestServer
        let gate = Signal()

        init(_ configuration: ServerConfiguration = ServerConfiguration()) async throws {
            server = HerdServer(name: "test", configuration: configuration, logger: quietLogger)
            let gate = gate
            server.unary(Router.route) { _, _ in
                await gate.waitRegardless()
                return RouteResponse()
            }
            server.stream(Scorer.watchPredictor, endsWithDrain: true) { _, _, _ in
                try await Task.sleep(for: .seconds(600))
            }
            test = TestServer(server: server, addresses: try await server.start())
        }
    }

    @Test func `open calls end, each later one is not started, however many`() async throws {
        let draining = try await Draining()
        let connection = try await draining.test.greet()
        connection.send(.route(1))
        try await within { while draining.server.runningCallCount == 0 { await Task.yield() } }
        async let stopped: Void = draining.server.stop(timeout: .seconds(60))
        #expect(try await connection.next(.goAway).code == .ok)
        connection.send(bytes: (2...2000).flatMap { Frame.route($0).wireBytes() })
        for call in 2...2000 as ClosedRange<UInt64> {
            let end = try await connection.next(.end)
            guard end.call == call, end.code == .unavailable, end.metadata == ["not-started": "1"] else {
                Issue.record("\(end)")
                break
            }
        }
        draining.gate.fire()
        #expect(try await connection.next(.end).code == .ok)
        _ = try await connection.next(.ping)
        // Late, but before the peer has answered.
        connection.send(.route(3000))
        connection.send(Frame(.pong))
        let late = try await connection.next(.end)
        #expect(late.call == 3000)
        #expect(late.metadata == ["not-started": "1"])
        #expect(try await connection.next() == nil)
        await stopped
    }

    @Test func `a peer that answers no PING does not hold up the end`() async throws {
        let draining = try await Draining()
        let connection = try await draining.test.greet()
        async let stopped: Void = draining.server.stop(timeout: .seconds(600))
        _ = try await connection.next(.goAway)
        _ = try await connection.next(.ping)
        #expect(try await connection.next() == nil)
        await stopped
    }

    @Test func `an answer that is being taken is not cut off`() async throws {
        let server = HerdServer(name: "test", logger: quietLogger)
        let answer = RouteResponse(decisionId: String(repeating: "x", count: 2 << 20))
        let gate = Signal()
        let begun = Counter()
        server.unary(Router.route) { _, _ in
            begun.increment()
            await gate.waitRegardless()
            return answer
        }
        let test = TestServer(server: server, addresses: try await server.start())
        let connection = try await test.greet(systemBuffer: 65_536)
        try await connection.setReading(false)
        // More than any system's buffers take.
        connection.send(bytes: (1...16).flatMap { Frame.route($0).wireBytes() })
        // Counted by the handlers: a call that is open may still wait for room, which the first answer takes.
        try await begun.wait(for: 16)
        gate.fire()
        try await test.untilIdle()
        async let stopped: Void = server.stop(timeout: .seconds(60))
        // Longer than the 5 s for which a drained connection without open calls waits for its client.
        try await Task.sleep(for: .seconds(7))
        try await connection.setReading(true)
        for _ in 1...16 {
            let end = try #require(try await connection.next(otherThan: .goAway))
            #expect(end.kind == .end && end.code == .ok, "\(end.kind) \(end.code) \(end.message)")
        }
        try await connection.close()
        await stopped
    }

    @Test func `a peer without HELLO is told too`() async throws {
        let draining = try await Draining()
        let silent = try await draining.test.connect()
        try await within { while draining.server.connectionCount == 0 { await Task.yield() } }
        async let stopped: Void = draining.server.stop(timeout: .seconds(600))
        try await silent.expectGoAway(.unavailable)
        await stopped
    }

    @Test func `a HELLO after the drain began is answered, its calls are not started`() async throws {
        let draining = try await Draining()
        let late = try await draining.test.connect()
        let busy = try await draining.test.greet()
        busy.send(.route(1))
        try await within {
            while draining.server.runningCallCount == 0 || draining.server.connectionCount < 2 { await Task.yield() }
        }
        async let stopped: Void = draining.server.stop(timeout: .seconds(60))
        _ = try await busy.next(.goAway)
        late.send(Frame(.hello, version: 1), .route(5))
        _ = try await late.next(.hello)
        #expect(try await late.next(.goAway).code == .ok)
        let end = try await late.next(otherThan: .ping)
        #expect(end?.metadata == ["not-started": "1"])
        late.send(Frame(.pong))
        draining.gate.fire()
        #expect(try await busy.next(.end).code == .ok)
        // The server closes both, once each has answered its PING.
        _ = try await busy.next(.ping)
        busy.send(Frame(.pong))
        #expect(try await busy.next() == nil)
        await stopped
    }

    @Test func `watches end at once, calls at the time-out, neither as not started`() async throws {
        let draining = try await Draining()
        let connection = try await draining.test.greet()
        connection.send(.route(1), Frame(.request, call: 2, method: Scorer.watchPredictor.path))
        try await within { while draining.server.runningCallCount < 2 { await Task.yield() } }
        async let stopped: Void = draining.server.stop(timeout: .milliseconds(300))
        _ = try await connection.next(.goAway)
        for call in [2, 1] as [UInt64] {
            let end = try await connection.next(.end)
            #expect(end.call == call)
            #expect(end.code == .unavailable)
            #expect(end.metadata.isEmpty)
        }
        draining.gate.fire()
        _ = try await connection.next(otherThan: .ping)
        await stopped
    }

    @Test func `nobody is let in any more`() async throws {
        let draining = try await Draining()
        let connection = try await draining.test.greet()
        connection.send(.route(1))
        try await within { while draining.server.runningCallCount == 0 { await Task.yield() } }
        async let stopped: Void = draining.server.stop(timeout: .seconds(60))
        _ = try await connection.next(.goAway)
        try await within { while !draining.server.boundAddresses.isEmpty { await Task.yield() } }
        await #expect(throws: (any Error).self) { try await draining.test.connect() }
        draining.gate.fire()
        _ = try await connection.next(.end)
        try await connection.close()
        await stopped
    }
}
