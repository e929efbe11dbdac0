import HerdClient
import HerdFrames
import HerdMessages
import HerdServer
import HerdTransport
import NIOConcurrencyHelpers
import ServiceLifecycle
import Testing

/// A client of several servers.
@Suite struct PoolTests {
    // MARK: - Addresses

    @Test(arguments: ["", "host", ":1", "host:", "host:x", "host:65536", "host:0", "::1:80", "unix:", "[]:1"])
    func `a text that is no address is named`(text: String) {
        let error = #expect(throws: AddressError.self) { try HerdClient(addresses: ["127.0.0.1:1", text]) }
        #expect(error?.address == text)
        #expect(error?.message.contains("'\(text)'") == true)
    }

    @Test func `no address, and a path that is too long`() {
        #expect(throws: AddressError.self) { try HerdClient(addresses: []) }
        let path = "unix:/" + String(repeating: "x", count: 107)
        #expect(throws: AddressError.self) { try HerdClient(addresses: [path]) }
        #expect(throws: Never.self) { try HerdClient(addresses: [String(path.dropLast())]) }
    }

    @Test func `host:port, IPv6 in brackets and unix:PATH are called`() async throws {
        let path = "/tmp/herd-test-\(UInt64.random(in: 0 ... .max)).sock"
        var configuration = ServerConfiguration()
        configuration.addresses = [
            .network(host: "127.0.0.1", port: 0), .network(host: "::1", port: 0), .unix(path: path),
        ]
        try await withServer(configuration) { server in
            server.immediate(Router.route) { _, context in routed(context.peer) }
        } _: { server in
            let texts = server.server.boundAddresses.map(\.description)
            #expect(texts[1].hasPrefix("[::1]:"))
            var peers: [String] = []
            for text in texts {
                let client = try HerdClient(addresses: [text])
                peers.append(try await client.decision(""))
                client.close()
            }
            #expect(peers == ["127.0.0.1", "::1", "unix"])
            let all = try HerdClient(addresses: texts + texts)
            try await within { while try await Set(all.decisions(20)).count < 3 {} }
            all.close()
        }
    }

    // MARK: - Choice

    @Test func `calls spread over equal servers`() async throws {
        try await withServers(3) { servers in
            let client = HerdClient(endpoints: servers.map(\.address))
            try await client.untilConnected(to: 3)
            let answers = try await client.decisions(3000, atATime: 30)
            for name in ["0", "1", "2"] {
                let share = answers.filter { $0 == name }.count
                #expect((300...2000).contains(share), "\(name) got \(share)")
            }
            client.close()
        }
    }

    @Test func `a slow server gets fewer calls`() async throws {
        try await withServers(2) { index, server in
            server.unary(Router.route) { _, _ in
                try await Task.sleep(for: .milliseconds(index == 0 ? 50 : 1))
                return routed("\(index)")
            }
        } _: { servers in
            let client = HerdClient(endpoints: servers.map(\.address))
            try await client.untilConnected(to: 2)
            let answers = try await client.decisions(1000, atATime: 16)
            let slow = answers.filter { $0 == "0" }.count
            // At random it would be half of them; in flight are as many at either.
            #expect((1...300).contains(slow), "the slow one got \(slow)")
            client.close()
        }
    }

    @Test func `one connection to each server, unless more are configured`() async throws {
        let gate = Signal()
        let started = Counter()
        try await withServers(2) { index, server in
            server.unary(Router.route) { _, _ in
                started.increment()
                await gate.waitRegardless()
                return routed("\(index)")
            }
        } _: { servers in
            var configuration = ClientConfiguration()
            let single = HerdClient(endpoints: servers.map(\.address), configuration: configuration)
            configuration.connectionsPerEndpoint = 3
            let wide = HerdClient(endpoints: servers.map(\.address), configuration: configuration)
            async let first = single.decisions(100, atATime: 100)
            try await started.wait(for: 100)
            try await within {
                while !servers.allSatisfy({ $0.server.connectionCount == 1 }) { await Task.yield() }
            }
            async let second = wide.decisions(200, atATime: 200)
            try await started.wait(for: 300)
            // Connections are made as calls come and find the others busy.
            try await within {
                while !servers.allSatisfy({ $0.server.connectionCount == 4 }) { await Task.yield() }
            }
            gate.fire()
            _ = try await (first, second)
            single.close()
            wide.close()
        }
    }

    @Test func `too many calls fail instead of piling up`() async throws {
        let gate = Signal()
        let started = Counter()
        try await withServers(2) { index, server in
            server.unary(Router.route) { _, _ in
                started.increment()
                await gate.waitRegardless()
                return routed("\(index)")
            }
        } _: { servers in
            var configuration = ClientConfiguration()
            configuration.maximumCallsPerConnection = 8
            let client = HerdClient(endpoints: servers.map(\.address), configuration: configuration)
            try await client.untilConnected(to: 2)
            async let open = client.decisions(16, atATime: 16)
            // They fill both servers, whichever the random choices are.
            try await started.wait(for: 16)
            #expect(await client.routeError()?.code == .resourceExhausted)
            gate.fire()
            #expect(try await open.count == 16)
            #expect(await client.routeError() == nil)
            client.close()
        }
    }

    // MARK: - Servers that are away

    @Test func `a server that refuses connections is passed over`() async throws {
        try await withServers(2) { servers in
            let client = HerdClient(endpoints: [try await freePort()] + servers.map(\.address))
            let answers = try await client.decisions(300, atATime: 10)
            #expect(answers.count == 300)
            client.close()
        }
    }

    @Test func `calls do not wait for a server that takes connections and says nothing`() async throws {
        let silent = try await SilentServer.start()
        try await withServers(1) { servers in
            var configuration = ClientConfiguration.impatient
            configuration.connectTimeout = .seconds(60)
            let client = HerdClient(endpoints: [silent.address, servers[0].address], configuration: configuration)
            // Those that went to the silent one are made at the other as soon as that is there.
            let answers = try await within { try await client.decisions(100, atATime: 100) }
            #expect(answers.count == 100)
            client.close()
        }
        try await silent.close()
    }

    @Test func `with all servers away calls wait a while, then the error names each`() async throws {
        let listeners = [try await SilentServer.start(), try await SilentServer.start()]
        for listener in listeners { try await listener.close() }
        let addresses = listeners.map(\.address)
        var configuration = ClientConfiguration()
        configuration.retryWindow = .seconds(1)
        let client = HerdClient(endpoints: addresses, configuration: configuration)
        let error = await client.routeError()
        #expect(error?.code == .unavailable)
        for address in addresses {
            let reason = "cannot connect to \(address): nobody listens there"
            #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
        }
    }

    @Test func `a server that comes back gets calls again, by itself`() async throws {
        try await withServers(2) { servers in
            let client = HerdClient(endpoints: servers.map(\.address))
            try await client.untilConnected(to: 2)
            await servers[0].server.stop(timeout: .zero)
            #expect(try await Set(client.decisions(50)) == ["1"])
            try await withServer(at: servers[0].address, name: "again") { _ in
                try await within { while try await client.decision("") != "again" {} }
            }
            #expect(try await Set(client.decisions(50)) == ["1"])
            client.close()
        }
    }

    // MARK: - Stopping

    @Test func `10,000 calls in flight while a server stops, none fails`() async throws {
        let gate = Signal()
        let started = Counter()
        try await withServers(2) { index, server in
            server.unary(Router.feedback) { _, _ in
                started.increment()
                await gate.waitRegardless()
                return FeedbackResponse()
            }
        } _: { servers in
            var configuration = ClientConfiguration()
            configuration.connectionsPerEndpoint = 5
            let client = HerdClient(endpoints: servers.map(\.address), configuration: configuration)
            try await client.untilConnected(to: 2)
            async let failures = client.failures(of: 10_000) {
                _ = try await client.call(
                    path: Router.feedback.path, payload: [], isIdempotent: false, timeout: .seconds(120))
            }
            // As many as the first connections take run, the others are on their way or wait.
            try await started.wait(for: 5000)
            async let stopped: Void = servers[0].server.stop(timeout: .seconds(120))
            try await within { while !servers[0].server.boundAddresses.isEmpty { await Task.yield() } }
            gate.fire()
            #expect(await failures == [])
            await stopped
            client.close()
        }
    }

    @Test func `a rolling restart under load fails no call`() async throws {
        let first = try await start("a", at: .network(host: "127.0.0.1", port: 0))
        let second = try await start("b", at: .network(host: "127.0.0.1", port: 0))
        let client = HerdClient(endpoints: [first.address, second.address])
        try await client.untilConnected(to: 2)
        let isDone = Signal()
        let load = Task {
            await client.failures(of: 64) {
                while !isDone.hasFired {
                    _ = try await client.call(path: Router.route.path, payload: [], isIdempotent: false)
                }
            }
        }
        var servers = [first, second]
        for round in 0..<4 {
            let old = servers[round % 2]
            await old.server.stop(timeout: .seconds(20))
            let new = try await start("\(round)", at: old.address)
            servers[round % 2] = new
            // As whoever restarts them does: one at a time, the next once this one is used.
            try await within { while try await client.decision("") != "\(round)" {} }
        }
        isDone.fire()
        #expect(await load.value == [])
        client.close()
        for server in servers { await server.server.stop(timeout: .zero) }
    }

    private func start(_ name: String, at address: EndpointAddress) async throws -> TestServer {
        var configuration = ServerConfiguration()
        configuration.addresses = [address]
        let server = HerdServer(name: name, configuration: configuration, logger: quietLogger)
        server.unary(Router.route) { _, _ in
            await Task.yield()
            return routed(name)
        }
        return TestServer(server: server, address: try await server.start()[0])
    }
}

/// What `HerdClient.run` adds.
@Suite struct HealthTests {
    @Test func `a server that says DRAINING, or nothing, gets no calls until it is well again`() async throws {
        let sick = try await ScriptedServer.start()
        let health = NIOLockedValueBox<HealthResponse.State?>(.serving)
        let script = Task {
            await sick.serve { request in
                guard request.method == Admin.health.path else { return .routed(request, "sick") }
                return health.withLockedValue { $0 }.map {
                    Frame(.end, call: request.call, payload: HealthResponse(state: $0).pack())
                }
            }
        }
        try await withServers(1) { servers in
            var configuration = ClientConfiguration()
            configuration.healthInterval = .milliseconds(20)
            configuration.healthTimeout = .milliseconds(500)
            let client = HerdClient(endpoints: [sick.address, servers[0].address], configuration: configuration)
            let run = Task { try await client.run() }
            try await client.untilConnected(to: 2)
            for state in [HealthResponse.State.draining, nil] {
                health.withLockedValue { $0 = state }
                try await within { while try await client.decisions(50).contains("sick") {} }
                // Degraded is well enough.
                health.withLockedValue { $0 = .degraded }
                try await within { while try await !client.decisions(50).contains("sick") {} }
            }
            run.cancel()
            try await run.value
            #expect(await client.routeError()?.code == .cancelled)
        }
        script.cancel()
        try await sick.close()
    }

    @Test func `with nobody else there a draining server is called`() async throws {
        let sick = try await ScriptedServer.start()
        let asked = Counter()
        let script = Task {
            await sick.serve { request in
                guard request.method == Admin.health.path else { return .routed(request, "sick") }
                asked.increment()
                return Frame(.end, call: request.call, payload: HealthResponse(state: .draining).pack())
            }
        }
        var configuration = ClientConfiguration()
        configuration.healthInterval = .milliseconds(10)
        let client = sick.client(configuration)
        let run = Task { try await client.run() }
        try await asked.wait(for: 3)
        #expect(try await client.decision("") == "sick")
        run.cancel()
        try await run.value
        script.cancel()
        try await sick.close()
    }

    @Test func `run connects before the first call`() async throws {
        try await withServers(2) { servers in
            let client = HerdClient(endpoints: servers.map(\.address))
            let run = Task { try await client.run() }
            try await within {
                while !servers.allSatisfy({ $0.server.connectionCount == 1 }) { await Task.yield() }
            }
            run.cancel()
            try await run.value
            try await within { while servers.contains(where: { $0.server.connectionCount > 0 }) { await Task.yield() } }
        }
    }
}
