import HerdClient
import HerdFrames
import HerdMessages
import HerdServer
import HerdTransport
import NIOCore
import NIOPosix
import ServiceLifecycle
import Testing

/// Connections that come and go, and servers that stop.
@Suite struct ConnectionTests {
    @Test func `a client connects again after the server restarted`() async throws {
        let first = HerdServer(name: "first", logger: quietLogger)
        let address = try await first.start()[0]
        let client = HerdClient(address: address)
        #expect(try await client.isServing())
        await first.stop()
        var configuration = ServerConfiguration()
        configuration.addresses = [address]
        let second = HerdServer(name: "second", configuration: configuration, logger: quietLogger)
        try await second.start()
        let health = try await client.call(Admin.health, HealthRequest())
        #expect(health.service == "second")
        await second.stop()
    }

    @Test func `a call waits for a server that is just starting`() async throws {
        let port = try await freePort()
        var patient = ClientConfiguration()
        patient.retryWindow = .seconds(20)
        let client = HerdClient(address: port, configuration: patient)
        async let answer = client.isServing()
        await #expect(throws: CallError.self) {
            try await HerdClient(address: port, configuration: .impatient).isServing()
        }
        var configuration = ServerConfiguration()
        configuration.addresses = [port]
        let server = HerdServer(name: "late", configuration: configuration, logger: quietLogger)
        try await server.start()
        #expect(try await answer)
        client.close()
        await server.stop()
    }

    @Test func `where nobody listens calls are UNAVAILABLE, at once if so configured`() async throws {
        let client = HerdClient(address: try await freePort(), configuration: .impatient)
        let start = ContinuousClock.now
        for _ in 0..<10 { #expect(await client.routeError()?.code == .unavailable) }
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    @Test func `a connection lost with a call on it is UNAVAILABLE`() async throws {
        let started = Signal()
        let server = HerdServer(name: "test", logger: quietLogger)
        server.unary(Router.route) { _, _ in
            started.fire()
            try await Task.sleep(for: .seconds(60))
            return routed("")
        }
        let address = try await server.start()[0]
        let relay = try await Relay.start(to: address)
        let client = HerdClient(address: relay.address)
        async let error = client.routeError()
        try await started.wait()
        try await relay.cut()
        #expect(await error?.code == .unavailable)
        await server.stop()
    }

    @Test func `a client that was closed calls no more`() async throws {
        try await withServer { server in
            server.unary(Router.route) { _, _ in
                try await Task.sleep(for: .seconds(60))
                return routed("")
            }
        } _: { server in
            let client = server.client()
            async let open = client.routeError()
            try await within { while server.server.runningCallCount == 0 { await Task.yield() } }
            client.close()
            #expect(await open?.code == .cancelled)
            #expect(await client.routeError()?.code == .cancelled)
            try await server.untilIdle()
        }
    }

    @Test func `a client that is let go of closes its connection`() async throws {
        try await withServer { server in
            do {
                let client = server.client()
                let isServing = try await client.isServing()
                #expect(isServing)
            }
            try await within { while server.server.connectionCount > 0 { await Task.yield() } }
        }
    }

    @Test func `a connection that the server ended for idleness is made anew`() async throws {
        var configuration = ServerConfiguration()
        configuration.idleTimeout = .milliseconds(30)
        try await withServer(configuration) { server in
            let client = server.client()
            for _ in 0..<3 {
                #expect(try await client.isServing())
                try await within { while server.server.connectionCount > 0 { await Task.yield() } }
            }
            client.close()
        }
    }

    // MARK: - Stopping

    @Test func `a server that stops lets open calls end and starts no more`() async throws {
        let gate = Signal()
        let started = Signal()
        let server = HerdServer(name: "test", logger: quietLogger)
        server.unary(Router.route) { _, _ in
            started.fire()
            await gate.waitRegardless()
            return routed("done")
        }
        let test = TestServer(server: server, address: try await server.start()[0])
        let connection = try await test.greet()
        connection.send(Frame(.request, call: 1, method: Router.route.path))
        try await started.wait()
        async let stopped: Void = server.stop(timeout: .seconds(20))
        let goAway = try await connection.next(.goAway)
        #expect(goAway.code == .ok)
        connection.send(Frame(.request, call: 2, method: Router.route.path))
        let refused = try await connection.next(.end)
        #expect(refused.call == 2)
        #expect(refused.code == .unavailable)
        #expect(refused.metadata == ["not-started": "1"])
        // Nobody is let in any more.
        await expect(.unavailable) { try await test.client(.impatient).call(Admin.health, HealthRequest()) }
        gate.fire()
        let end = try await connection.next(.end)
        #expect(end.call == 1)
        #expect(try RouteResponse(packed: end.payload).decisionId == "done")
        // The server asks whether its GOAWAY was seen.
        _ = try await connection.next(.ping)
        connection.send(Frame(.pong))
        #expect(try await connection.next() == nil)
        await stopped
    }

    @Test func `calls open at the drain time-out end with UNAVAILABLE`() async throws {
        let gate = Signal()
        let started = Signal()
        let server = HerdServer(name: "test", logger: quietLogger)
        server.unary(Router.route) { _, _ in
            started.fire()
            await gate.waitRegardless()
            return routed("")
        }
        let test = TestServer(server: server, address: try await server.start()[0])
        async let error = test.client().routeError()
        try await started.wait()
        await server.stop(timeout: .milliseconds(20))
        let failure = await error
        #expect(failure?.code == .unavailable)
        #expect(failure?.isNotStarted == false)
        gate.fire()
        try await test.untilIdle()
    }

    @Test func `watches end as soon as the server stops`() async throws {
        let started = Signal()
        let server = HerdServer(name: "test", logger: quietLogger)
        server.stream(Scorer.watchPredictor, endsWithDrain: true) { _, _, writer in
            started.fire()
            try await Task.sleep(for: .seconds(60))
        }
        let test = TestServer(server: server, address: try await server.start()[0])
        let client = test.client()
        async let watch = expect(.unavailable) {
            for try await _ in client.stream(Scorer.watchPredictor, WatchPredictorRequest()) {}
        }
        try await started.wait()
        await server.stop(timeout: .seconds(60))
        _ = await watch
    }

    @Test func `a call that a stopping server did not start is made again elsewhere`() async throws {
        // Stops as soon as it is connected to, and is replaced on the same port.
        let first = HerdServer(name: "first", logger: quietLogger)
        first.immediate(Router.route) { _, _ in routed("first") }
        let address = try await first.start()[0]
        let client = HerdClient(address: address)
        #expect(try await client.decision("") == "first")
        async let stopped: Void = first.stop()
        var configuration = ServerConfiguration()
        configuration.addresses = [address]
        let second = HerdServer(name: "second", configuration: configuration, logger: quietLogger)
        second.immediate(Router.route) { _, _ in routed("second") }
        await stopped
        try await second.start()
        for _ in 0..<10 { #expect(try await client.decision("") == "second") }
        client.close()
        await second.stop()
    }

    @Test func `it runs as a service until its group shuts down`() async throws {
        let server = HerdServer(name: "test", logger: quietLogger)
        let group = ServiceGroup(
            configuration: .init(services: [.init(service: server)], logger: quietLogger))
        async let run: Void = group.run()
        try await within { while server.boundAddresses.isEmpty { await Task.yield() } }
        let client = HerdClient(address: server.boundAddresses[0])
        #expect(try await client.isServing())
        await group.triggerGracefulShutdown()
        try await run
    }

    @Test func `Drain stops it`() async throws {
        let server = HerdServer(name: "test", logger: quietLogger)
        let address = try await server.start()[0]
        let client = HerdClient(address: address)
        _ = try await client.call(Admin.drain, DrainRequest(timeoutMs: 100))
        await server.stop()
    }

    @Test func `an address in use is an error`() async throws {
        try await withServer { server in
            var configuration = ServerConfiguration()
            configuration.addresses = [.network(host: "127.0.0.1", port: 0), server.address]
            let second = HerdServer(name: "second", configuration: configuration, logger: quietLogger)
            await #expect(throws: (any Error).self) { try await second.start() }
        }
    }

    @Test func `a Unix socket serves as well`() async throws {
        var configuration = ServerConfiguration()
        let path = "/tmp/herd-test-\(UInt64.random(in: 0 ... .max)).sock"
        configuration.addresses = [.unix(path: path)]
        let server = HerdServer(name: "test", configuration: configuration, logger: quietLogger)
        server.immediate(Router.route) { _, context in routed(context.peer) }
        #expect(try await server.start() == [.unix(path: path)])
        let client = HerdClient(address: .unix(path: path))
        #expect(try await client.decision("") == "unix")
        client.close()
        await server.stop()
    }

    @Test func `several addresses, several event loops`() async throws {
        var configuration = ServerConfiguration()
        configuration.addresses = [
            .network(host: "127.0.0.1", port: 0), .network(host: "localhost", port: 0),
        ]
        configuration.eventLoops = 2
        let server = HerdServer(name: "test", configuration: configuration, logger: quietLogger)
        let addresses = try await server.start()
        #expect(Set(addresses).count == 2)
        for address in addresses + addresses {
            let client = HerdClient(address: address)
            #expect(try await client.isServing())
            client.close()
        }
        await server.stop()
    }
}

extension ClientConfiguration {
    /// Fails at the first failure to connect.
    static var impatient: ClientConfiguration {
        var configuration = ClientConfiguration()
        configuration.retryWindow = .zero
        return configuration
    }
}
