import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// A router whose machine is gone without a word: its clients find out, and go on once it is back.
@Suite(
    .serialized,
    .enabled(
        if: ProjectPython.isInstalled,
        "no Python environment at \(ProjectPython.interpreter.path): run Scripts/install.sh first"))
struct FrozenRouterTests {
    @Test("a half-open connection fails its calls in time, and new ones work after it", .timeLimit(.minutes(1)))
    func halfOpen() async throws {
        let model = try await ModelServer.scripted("one two three four")
        try await RestartHerd.with(model: model) { herd in
            var configuration = ClientConfiguration()
            configuration.keepAliveInterval = .milliseconds(300)
            configuration.keepAliveTimeout = .milliseconds(300)
            configuration.connectTimeout = .milliseconds(500)
            let address = try herd.daemon(.router).address("router")
            let client = try HerdClient(addresses: [address], configuration: configuration)
            defer { client.close() }
            _ = try await client.call(Admin.health, HealthRequest())
            herd.signal(SIGSTOP, .router)
            let start = ContinuousClock.now
            // What may have been done is not made again: it is told what is known, that the answer is lost.
            let error = await #expect(throws: CallError.self) {
                try await client.call(
                    Registry.putModel, PutModelRequest(model: Model(name: "z", free: true)), timeout: .seconds(20))
            }
            #expect(error?.code == .unavailable, "\(String(describing: error))")
            #expect(ContinuousClock.now - start < .seconds(10), "long before the deadline")
            // A deadline holds, whatever the server does.
            let late = await #expect(throws: CallError.self) {
                try await client.call(Router.route, RouteRequest(prompt: "anybody?"), timeout: .seconds(1))
            }
            #expect(late?.code == .deadlineExceeded || late?.code == .unavailable)
            let answer = Task {
                try await client.call(Router.route, RouteRequest(prompt: "still?"), timeout: .seconds(20))
            }
            herd.signal(SIGCONT, .router)
            _ = try await answer.value
            _ = try await client.call(Router.route, RouteRequest(prompt: "question number 1 of many"))
        }
    }
}
