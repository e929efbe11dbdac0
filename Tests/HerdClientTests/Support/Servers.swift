import HerdClient
import HerdFrames
import HerdMessages
import HerdServer
import HerdTransport
import NIOConcurrencyHelpers
import Testing

/// Several servers for the time of a test; where nothing is registered, Route answers with the server's index.
func withServers(
    _ count: Int,
    register: (Int, HerdServer) -> Void = { index, server in
        server.immediate(Router.route) { _, _ in routed("\(index)") }
    }, _ body: ([TestServer]) async throws -> Void
) async throws {
    var servers: [TestServer] = []
    for index in 0..<count {
        let server = HerdServer(name: "\(index)", logger: quietLogger)
        register(index, server)
        servers.append(TestServer(server: server, address: try await server.start()[0]))
    }
    do {
        try await body(servers)
    } catch {
        for server in servers { await server.server.stop(timeout: .zero) }
        throw error
    }
    for server in servers { await server.server.stop(timeout: .zero) }
}

/// A server at a certain address, whose Route answers with its name.
func withServer(
    at address: EndpointAddress, name: String, _ body: (TestServer) async throws -> Void
) async throws {
    var configuration = ServerConfiguration()
    configuration.addresses = [address]
    let server = HerdServer(name: name, configuration: configuration, logger: quietLogger)
    server.immediate(Router.route) { _, _ in routed(name) }
    let running = TestServer(server: server, address: try await server.start()[0])
    do {
        try await body(running)
    } catch {
        await server.stop(timeout: .zero)
        throw error
    }
    await server.stop(timeout: .zero)
}

/// An address on which nobody listens.
func freePort() async throws -> EndpointAddress {
    let silent = try await SilentServer.start()
    try await silent.close()
    return silent.address
}

extension HerdClient {
    /// What so many Routes answer.
    func decisions(_ count: Int, atATime width: Int = 1) async throws -> [String] {
        let next = NIOLockedValueBox(0)
        return try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<width {
                group.addTask {
                    var answers: [String] = []
                    while next.withLockedValue({ next in
                        next += 1
                        return next <= count
                    }) {
                        answers.append(try await self.decision("", timeout: .seconds(60)))
                    }
                    return answers
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }

    /// Waits until calls have gone to so many servers, by what Health says of their names.
    func untilConnected(to count: Int) async throws {
        try await within {
            var names: Set<String> = []
            while names.count < count {
                names.insert(try await self.call(Admin.health, HealthRequest()).service)
            }
        }
    }

    /// The errors of so many tasks that run at once.
    func failures(of count: Int, _ body: @escaping @Sendable () async throws -> Void) async -> [String] {
        await withTaskGroup(of: String?.self) { group in
            for _ in 0..<count {
                group.addTask {
                    do {
                        try await body()
                        return nil
                    } catch {
                        return "\(error)"
                    }
                }
            }
            var failures: [String] = []
            for await failure in group { if let failure { failures.append(failure) } }
            return failures
        }
    }
}
