import HerdClient
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
    let server = HerdServer(name: "test", configuration: configuration, logger: quietLogger)
    register(server)
    let running = TestServer(server: server, address: try await server.start()[0])
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
    let address: EndpointAddress

    func client(_ configuration: ClientConfiguration = ClientConfiguration()) -> HerdClient {
        HerdClient(address: address, configuration: configuration)
    }

    func connect() async throws -> RawConnection {
        try await RawConnection.connect(to: address)
    }

    /// A connection that has exchanged HELLOs.
    func greet() async throws -> RawConnection {
        let connection = try await connect()
        connection.send(Frame(.hello, version: 1))
        _ = try await connection.next(.hello)
        return connection
    }
}

var quietLogger: Logger {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
}

func route(_ prompt: String) -> RouteRequest {
    var request = RouteRequest()
    request.prompt = prompt
    return request
}

func routed(_ id: String) -> RouteResponse {
    var response = RouteResponse()
    response.decisionId = id
    return response
}

extension HerdClient {
    func decision(_ prompt: String, timeout: Duration? = nil) async throws -> String {
        try await call(Router.route, route(prompt), timeout: timeout).decisionId
    }

    func isServing() async throws -> Bool {
        try await call(Admin.health, HealthRequest()).state == .serving
    }

    /// The error that the call ends with; nil if it succeeds.
    func routeError(_ prompt: String = "", timeout: Duration? = nil) async -> CallError? {
        do throws(CallError) {
            _ = try await call(Router.route, route(prompt), timeout: timeout)
            return nil
        } catch {
            return error
        }
    }
}
