import HerdClient
import HerdFrames
import HerdMessages
import HerdServer
import HerdTransport
import Logging
import Testing

@Suite struct FirstTests {
    @Test func health() async throws {
        let server = HerdServer(name: "test", logger: Logger(label: "t"))
        server.unary(Router.route) { request, context in
            RouteResponse(decisionId: request.prompt + context.tenant)
        }
        let addresses = try await server.start()
        guard case .network(let host, let port) = addresses[0] else { return }
        let client = HerdClient(host: host, port: port)
        let health = try await client.call(Admin.health, HealthRequest())
        #expect(health.state == .serving)
        var request = RouteRequest()
        request.prompt = "hi"
        let r = try await client.call(Router.route, request, metadata: ["tenant": "x"])
        #expect(r.decisionId == "hix")
        var n = 0
        for try await m in client.stream(Admin.probe, ProbeRequest(count: 1000, bytes: 10)) { n += m.payload.count }
        #expect(n == 10000)
        print(try await client.call(Admin.status, StatusRequest()))
        client.close()
        await server.stop()
    }
}
