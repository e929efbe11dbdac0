import HerdFrames
import HerdMessages
import HerdServer
import HerdTransport
import Logging
import Testing

/// A server on a port of its own for the time of a test.
func withServer(
    _ configuration: ServerConfiguration = ServerConfiguration(), register: (HerdServer) -> Void = { _ in },
    _ body: (TestServer) async throws -> Void
) async throws {
    var configuration = configuration
    // Where the test is not about it, a starved machine is no reason to refuse a late HELLO.
    if configuration.helloTimeout == ServerConfiguration().helloTimeout { configuration.helloTimeout = .seconds(60) }
    let server = HerdServer(name: "test", configuration: configuration, logger: quietLogger)
    register(server)
    let running = TestServer(server: server, addresses: try await server.start())
    do {
        try await body(running)
    } catch {
        await server.stop(timeout: .zero)
        throw error
    }
    await server.stop(timeout: .zero)
}

struct TestServer {
    let server: HerdServer
    let addresses: [EndpointAddress]

    var address: EndpointAddress { addresses[0] }

    func connect(systemBuffer: Int = 0) async throws -> RawConnection {
        try await RawConnection.connect(to: address, systemBuffer: systemBuffer)
    }

    /// A connection that has exchanged HELLOs.
    func greet(systemBuffer: Int = 0) async throws -> RawConnection {
        let connection = try await connect(systemBuffer: systemBuffer)
        connection.send(Frame(.hello, version: 1))
        _ = try await connection.next(.hello)
        return connection
    }

    /// A figure of Status, asked for over a connection of its own.
    func figure(_ name: String) async throws -> Double {
        let connection = try await greet()
        let status = try await connection.call(Admin.status, StatusRequest())
        try await connection.close()
        return status.figures[name] ?? 0
    }

    /// Waits until no handler runs.
    func untilIdle() async throws {
        let server = server
        try await within {
            while server.runningCallCount > 0 { await Task.yield() }
        }
    }
}

var quietLogger: Logger {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
}

extension Frame {
    static func route(_ call: UInt64, credit: UInt32 = 0) -> Frame {
        Frame(.request, call: call, method: Router.route.path, credit: credit)
    }

    static func probe(_ call: UInt64, count: UInt64, bytes: UInt32, credit: UInt32 = 0) -> Frame {
        Frame(
            .request, call: call, method: Admin.probe.path, payload: ProbeRequest(count: count, bytes: bytes).pack(),
            credit: credit)
    }
}
