import Dispatch
import HerdClient
import HerdFrames
import HerdMessages
import HerdServer
import NIOCore
import NIOPosix
import Testing

/// A client on event loops that its calls are made on, as the router's.
@Suite struct EventLoopTests {
    @Test func `a call made on an event loop needs no other one`() async throws {
        try await withLoops(2) { loops, group in
            try await withServer(register: { $0.immediate(Router.route) { _, _ in routed("x") } }) { server in
                let client = HerdClient(endpoints: [server.address], eventLoopGroup: group)
                try await connect(loops, to: server, client)
                for (index, loop) in loops.enumerated() {
                    let other = loops[1 - index]
                    let gate = DispatchSemaphore(value: 0)
                    other.execute { gate.wait() }
                    defer { gate.signal() }
                    for _ in 0..<20 {
                        let answer = try await within { try await loop.decision(of: client) }
                        #expect(answer == "x")
                    }
                }
                #expect(server.server.connectionCount == 2)
                client.close()
            }
        }
    }

    @Test func `calls from elsewhere use the connections there are`() async throws {
        try await withLoops(3) { loops, group in
            try await withServer(register: { $0.immediate(Router.route) { _, _ in routed("x") } }) { server in
                let client = HerdClient(endpoints: [server.address], eventLoopGroup: group)
                let answers = try await client.decisions(200, atATime: 50)
                #expect(answers.count == 200)
                #expect(server.server.connectionCount == 1)
                _ = try await loops[2].decision(of: client)
                try await within {
                    while server.server.connectionCount < 2 { await Task.yield() }
                }
                client.close()
            }
        }
    }

    @Test func `a connection that is full leaves the call to another loop's`() async throws {
        let gate = Signal()
        let started = Counter()
        try await withLoops(2) { loops, group in
            try await withServer(register: { server in
                server.unary(Router.route) { _, _ in
                    started.increment()
                    await gate.waitRegardless()
                    return routed("x")
                }
            }) { server in
                var configuration = ClientConfiguration()
                configuration.maximumCallsPerConnection = 4
                let client = HerdClient(
                    endpoints: [server.address], configuration: configuration, eventLoopGroup: group)
                try await connect(loops, to: server, client)
                async let answers = withThrowingTaskGroup(of: String.self) { group in
                    for _ in 0..<8 { group.addTask { try await loops[0].decision(of: client) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                try await started.wait(for: 8)
                let error = await expect(.resourceExhausted) { try await loops[0].decision(of: client) }
                #expect(error != nil)
                gate.fire()
                #expect(try await answers.count == 8)
                client.close()
            }
        }
    }

    /// Returns when each of two loops has a connection of its own; until then calls go by the other's.
    private func connect(_ loops: [any EventLoop], to server: TestServer, _ client: HerdClient) async throws {
        try await within {
            while server.server.connectionCount < 2 {
                for loop in loops { _ = try await loop.health(of: client) }
            }
        }
        // The newer one's HELLO was answered before these are, and is heard before them.
        for _ in 0..<10 {
            for loop in loops { _ = try await loop.health(of: client) }
        }
    }

    /// Event loops for the time of a test.
    private func withLoops(
        _ count: Int, _ body: ([any EventLoop], MultiThreadedEventLoopGroup) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: count)
        do {
            try await body(Array(group.makeIterator()), group)
        } catch {
            Issue.record(error)
        }
        try await group.shutdownGracefully()
    }
}

extension EventLoop {
    /// Makes a call in a task that runs here.
    fileprivate func decision(of client: HerdClient) async throws -> String {
        try await Task(executorPreference: EventLoopTaskExecutor(self)) { try await client.decision("") }.value
    }

    fileprivate func health(of client: HerdClient) async throws -> HealthResponse {
        try await Task(executorPreference: EventLoopTaskExecutor(self)) {
            try await client.call(Admin.health, HealthRequest())
        }.value
    }
}
