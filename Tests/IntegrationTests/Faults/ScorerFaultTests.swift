import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// What the router does while its scorer is not there, is frozen, is killed, or comes back as it was before: cached decisions
/// go on, new prompts get the policy's fallback, marked, no call fails, and all of it ends by itself.
@Suite(
    .serialized,
    .enabled(
        if: ProjectPython.isInstalled,
        "no Python environment at \(ProjectPython.interpreter.path): run Scripts/install.sh first"))
struct ScorerFaultTests {
    /// How often it is killed; `make faults` sets more.
    private static let rounds = ProcessInfo.processInfo.environment["HERD_ROUNDS"].flatMap { Int($0) } ?? 1

    private static let known = RouteRequest(prompt: "question number 1 of many")
    private static let load: [CallLoad.Kind] = [.route, .route, .cachedRoute, .complete, .health]

    @Test("down when the router starts", .timeLimit(.minutes(1)))
    func downAtStart() async throws {
        let model = try await ModelServer.scripted("one two three four")
        try await RestartHerd.with(model: model) { herd in
            let client = try herd.client()
            defer { client.close() }
            let version = try await client.call(Router.route, Self.known).predictorVersion
            for role in [RestartHerd.Role.scorer, .router] {
                let daemon = herd.daemon(role)
                #expect(await Blocking.onThread { daemon.terminate() } == 0)
            }
            try await herd.start(.router)
            let health = try await client.call(Admin.health, HealthRequest())
            #expect(health.state == .degraded && health.reasons == ["the scorer is away"])
            let cached = try await client.call(Router.route, Self.known)
            #expect(cached.cached && !cached.degraded && cached.predictorVersion == version)
            let unknown = try await client.call(Router.route, RouteRequest(prompt: "never seen"))
            #expect(unknown.degraded && !unknown.degradedBecause.isEmpty)
            try await herd.start(.scorer)
            try await herd.untilServing(client)
            let back = try await client.call(Router.route, RouteRequest(prompt: "never seen"))
            #expect(!back.degraded && back.predictorVersion == version)
        }
    }

    @Test("killed under load", .timeLimit(.minutes(1)))
    func killed() async throws {
        let model = try await ModelServer.scripted("one two three four")
        try await RestartHerd.with(model: model) { herd in
            let load = try await CallLoad.on(herd, Self.load) { load in
                for _ in 0..<Self.rounds {
                    let scorer = herd.daemon(.scorer)
                    await Blocking.onThread { scorer.kill() }
                    try await load.advance()
                    try await herd.start(.scorer)
                    try await load.advance()
                }
            }
            #expect(load.failures.isEmpty, "\(load.failures.prefix(5))")
            #expect(load.degraded > 0)
            try await Self.hasRecovered(herd)
        }
    }

    @Test("frozen, as behind a half-open connection, and thawed", .timeLimit(.minutes(1)))
    func frozen() async throws {
        let model = try await ModelServer.scripted("one two three four")
        try await RestartHerd.with(model: model) { herd in
            let client = try herd.client()
            defer { client.close() }
            let load = try await CallLoad.on(herd, Self.load) { load in
                herd.signal(SIGSTOP, .scorer)
                try await eventually("the router finds out") {
                    try await client.call(Admin.health, HealthRequest()).reasons == ["the scorer does not answer"]
                }
                // From now on nobody waits for it.
                let start = ContinuousClock.now
                let reply = try await client.call(Router.route, RouteRequest(prompt: "while it is frozen"))
                #expect(reply.degraded && ContinuousClock.now - start < .seconds(1))
                try await load.advance()
                herd.signal(SIGCONT, .scorer)
                try await herd.untilServing(client)
            }
            #expect(load.failures.isEmpty, "\(load.failures.prefix(5))")
            // The first ones waited for as long as a prediction may take, 2 s.
            let longest = load.longest[.cachedRoute] ?? .zero
            #expect(longest < .seconds(1.5))
            try await Self.hasRecovered(herd)
        }
    }

    @Test("frozen or slow, for callers in a hurry", .timeLimit(.minutes(1)), arguments: [true, false])
    func slow(isFrozen: Bool) async throws {
        let model = try await ModelServer.scripted("one two three four")
        try await RestartHerd.with(model: model) { herd in
            let client = try herd.client()
            defer { client.close() }
            _ = try await client.call(Router.route, Self.known)
            herd.signal(SIGSTOP, .scorer)
            // Slow: it gets on for a moment after each 1.5 s.
            let pace = Task {
                while !isFrozen, !Task.isCancelled {
                    try? await Task.sleep(for: .milliseconds(1_500))
                    herd.signal(SIGCONT, .scorer)
                    try? await Task.sleep(for: .milliseconds(10))
                    herd.signal(SIGSTOP, .scorer)
                }
            }
            // Nobody else tells the router that it is slow: each gets the fallback in the time it has.
            for (number, milliseconds) in [200, 1_000, 300, 1_000, 1_000, 300].enumerated() {
                let reply = try await client.call(
                    Router.route, RouteRequest(prompt: "in a hurry \(number) \(isFrozen)"),
                    timeout: .milliseconds(milliseconds))
                #expect(isFrozen ? reply.degraded : !reply.model.isEmpty, "number \(number)")
            }
            try await eventually("the router finds out") {
                let new = RouteRequest(prompt: "another \(UInt64.random(in: 0...UInt64.max))")
                _ = try await client.call(Router.route, new, timeout: .seconds(1))
                return try await client.call(Admin.health, HealthRequest()).reasons == ["the scorer does not answer"]
            }
            pace.cancel()
            await pace.value
            herd.signal(SIGCONT, .scorer)
            try await Self.hasRecovered(herd)
        }
    }

    @Test("restarted with an older predictor version", .timeLimit(.minutes(1)))
    func older() async throws {
        let model = try await ModelServer.scripted("one two three four")
        try await RestartHerd.with(model: model) { herd in
            let client = try herd.client()
            defer { client.close() }
            let (data, backup) = (herd.folder.appending(path: "scorer"), herd.folder.appending(path: "older"))
            let older = try await client.call(Router.route, Self.known).predictorVersion
            let scorer = herd.daemon(.scorer)
            #expect(await Blocking.onThread { scorer.terminate() } == 0)
            try FileManager.default.copyItem(at: data, to: backup)
            try await herd.start(.scorer)
            try await herd.untilServing(client)
            var newer = ""
            for try await event in client.stream(Scorer.train, TrainRequest(seed: 2, promote: true)) {
                if case .trained(let summary)? = event.event { newer = summary.version }
            }
            #expect(newer != older && !newer.isEmpty)
            try await eventually("the router follows \(newer)") {
                try await client.call(Router.route, Self.known).predictorVersion == newer
            }
            let load = try await CallLoad.on(herd, Self.load) { load in
                let current = herd.daemon(.scorer)
                await Blocking.onThread { current.kill() }
                // Its disk was lost, and a backup is put in its place.
                try FileManager.default.removeItem(at: data)
                try FileManager.default.moveItem(at: backup, to: data)
                try await eventually("the router finds out") {
                    try await client.call(Admin.health, HealthRequest()).state == .degraded
                }
                let cached = try await client.call(Router.route, Self.known)
                #expect(cached.cached && !cached.degraded && cached.predictorVersion == newer)
                let unknown = try await client.call(Router.route, RouteRequest(prompt: "in between"))
                #expect(unknown.degraded && unknown.predictorVersion == newer)
                try await herd.start(.scorer)
                try await herd.untilServing(client)
                try await load.advance()
            }
            #expect(load.failures.isEmpty, "\(load.failures.prefix(5))")
            let back = try await client.call(Router.route, RouteRequest(prompt: "in between"))
            #expect(!back.degraded && back.predictorVersion == older, "it says which version decides")
            let status = try await client.call(Admin.status, StatusRequest())
            #expect(status.facts["predictor_version"] == older)
        }
    }

    private static func hasRecovered(_ herd: RestartHerd) async throws {
        let client = try herd.client()
        defer { client.close() }
        try await herd.untilServing(client)
        let reply = try await client.call(Router.route, RouteRequest(prompt: "after it all"))
        #expect(!reply.degraded)
    }
}
