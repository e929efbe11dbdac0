import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// Restarts of each process under load, seen by the users of HerdClient: no call fails but streams that had begun.
@Suite(
    .serialized,
    .enabled(
        if: ProjectPython.isInstalled,
        "no Python environment at \(ProjectPython.interpreter.path): run Scripts/install.sh first"))
struct RestartTests {
    /// How often each process is restarted; `make faults` sets more.
    private static let rounds = ProcessInfo.processInfo.environment["HERD_ROUNDS"].flatMap { Int($0) } ?? 1

    private static let calls: [CallLoad.Kind] = [
        .route, .cachedRoute, .complete, .health, .getModel, .putModel, .feedback, .connect, .connect,
    ]

    /// With tokens the one that takes over has to know them before it is called.
    @Test("one router after another on one data folder", .timeLimit(.minutes(2)), arguments: [false, true])
    func succession(isGuarded: Bool) async throws {
        let model = try await ModelServer.scripted("one two three four")
        try await RestartHerd.with(model: model, isGuarded: isGuarded) { herd in
            let load = try await CallLoad.on(herd, Self.calls) { load in
                for _ in 0..<max(2, Self.rounds) {
                    try await herd.succeed(.router)
                    try await load.advance()
                }
            }
            #expect(load.faults.isEmpty, "\(load.faults.prefix(5))")
            print("succession\(isGuarded ? " with a token" : ""): \(load)")
            if isGuarded { try await Self.refusesStrangers(herd) }
        }
    }

    /// Those that take over do so in a herd that knows its own processes by a credential.
    @Test(
        "SIGTERM and a new start of the scorer and the refiner, or one after another", .timeLimit(.minutes(2)),
        arguments: [false, true])
    func servicesBehindTheRouter(takesOver: Bool) async throws {
        let model = try await ModelServer.scripted("one two three four")
        try await RestartHerd.with(model: model, isGuarded: takesOver) { herd in
            let load = try await CallLoad.on(herd, [.route, .cachedRoute, .complete, .refine, .refine]) { load in
                for _ in 0..<Self.rounds {
                    for role in [RestartHerd.Role.scorer, .refiner] {
                        if takesOver {
                            try await herd.succeed(role)
                        } else {
                            try await herd.restart(role)
                        }
                        try await load.advance()
                    }
                }
            }
            #expect(load.faults.isEmpty, "\(load.faults.prefix(5))")
            print("behind the router\(takesOver ? ", taken over" : ""): \(load)")
            // It has recovered by itself.
            let client = try herd.client()
            defer { client.close() }
            try await herd.untilServing(client)
            let reply = try await client.call(Router.route, RouteRequest(prompt: "after all of it"))
            #expect(!reply.degraded)
        }
    }

    @Test("SIGTERM and a new start of the router on its port", .timeLimit(.minutes(2)))
    func plainRestart() async throws {
        let model = try await ModelServer.scripted("one two three four")
        try await RestartHerd.with(model: model) { herd in
            var before = 0
            let load = try await CallLoad.on(herd, Self.calls.filter { $0 != .connect }) { load in
                for _ in 0..<Self.rounds {
                    before += try await Self.callsOf(herd)
                    try await herd.restart(.router)
                    try await load.advance()
                }
            }
            #expect(load.faults.isEmpty, "\(load.faults.prefix(5))")
            // Of what the client made, the servers saw no more than its budget allows: a fifth, and ten a second.
            let seen = before + (try await Self.callsOf(herd))
            let made = load.total + load.done[.putModel, default: 0] + load.done[.feedback, default: 0]
            #expect(seen <= made * 6 / 5 + 100, "\(made) calls were made, the servers saw \(seen)")
            print("plain restart: \(load); made \(made), seen \(seen)")
        }
    }

    /// Whoever shows no token is still turned away.
    private static func refusesStrangers(_ herd: RestartHerd) async throws {
        let stranger = try HerdClient(addresses: [herd.socket])
        defer { stranger.close() }
        do throws(CallError) {
            _ = try await stranger.call(Router.route, RouteRequest(prompt: "who am I?"))
            Issue.record("a client without a token was answered")
        } catch {
            #expect(error.code == .unauthenticated, "\(error)")
        }
    }

    /// How many calls the router has had so far.
    private static func callsOf(_ herd: RestartHerd) async throws -> Int {
        let client = try herd.client()
        defer { client.close() }
        let status = try await client.call(Admin.status, StatusRequest())
        return status.methods.reduce(0) { $0 + Int($1.calls) }
    }
}
