import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Synchronization
import Testing

/// kill -9 under load: nothing acknowledged is lost, and a restarted service answers within a second.
@Suite(.serialized) struct CrashTests {
    @Test(.timeLimit(.minutes(2))) func theRouterLosesNoAcknowledgedWrite() async throws {
        try await withHerd { herd in
            try await herd.teach()
            let (models, feedback) = (AcknowledgedWrites(), AcknowledgedWrites())
            for round in 0..<3 {
                let client = try herd.router.client("router")
                let daemon = herd.router
                await withTaskGroup(of: Void.self) { group in
                    for worker in 0..<8 {
                        group.addTask {
                            for number in 0..<10_000 {
                                let name = "model-\(round)-\(worker)-\(number)"
                                let request = PutModelRequest(model: Model(name: name, free: true))
                                guard (try? await client.call(Registry.putModel, request)) != nil else { return }
                                models.add(name)
                                let route = RouteRequest(
                                    prompt: "add \(number) \(worker)", constraints: Constraints(allow: ["tiny-add"]))
                                guard let reply = try? await client.call(Router.route, route) else { return }
                                let outcome = FeedbackRequest(decisionId: reply.decisionId, outcome: 0.5)
                                guard (try? await client.call(Router.feedback, outcome)) != nil else { return }
                                feedback.add(reply.decisionId)
                            }
                        }
                    }
                    group.addTask {
                        while feedback.all.count < (round + 1) * 60 {
                            try? await Task.sleep(for: .milliseconds(1))
                        }
                        daemon.kill()
                    }
                    await group.waitForAll()
                }
                client.close()
                let start = ContinuousClock.now
                try await herd.startRouterAgain()
                let again = try herd.router.client("router")
                #expect(try await again.call(Admin.health, HealthRequest()).state != .unknown)
                #expect(ContinuousClock.now - start < .seconds(1), "it serves within a second")
                for name in models.all {
                    _ = try await again.call(Registry.getModel, GetModelRequest(name: name))
                }
                for id in feedback.all {
                    let found = try await again.call(Router.getDecision, GetDecisionRequest(decisionId: id))
                    #expect(found.decision?.outcomes.count == 1)
                }
                again.close()
            }
        }
    }

    @Test(.timeLimit(.minutes(2))) func theScorerLosesNoAcknowledgedWrite() async throws {
        try await withHerd { herd in
            let rows = AcknowledgedWrites()
            for round in 0..<3 {
                let client = try herd.router.client("router")
                let daemon = herd.scorer
                await withTaskGroup(of: Void.self) { group in
                    for worker in 0..<8 {
                        group.addTask {
                            for number in 0..<10_000 {
                                let id = "row-\(round)-\(worker)-\(number)"
                                let row = Evaluation(id: id, prompt: "prompt \(id)", task: "t", scores: ["m": 0.5])
                                let request = ImportRequest(evaluations: [row])
                                if (try? await client.call(Scorer.import, request)) != nil {
                                    rows.add(id)
                                } else if !daemon.process.isRunning {
                                    return
                                }
                            }
                        }
                    }
                    group.addTask {
                        while rows.all.count < (round + 1) * 200 {
                            try? await Task.sleep(for: .milliseconds(1))
                        }
                        daemon.kill()
                        // The router would have them wait until the scorer is back.
                        client.close()
                    }
                    await group.waitForAll()
                }
                client.close()
                let start = ContinuousClock.now
                try await herd.startScorerAgain()
                let again = try herd.scorer.client("scorer")
                #expect(try await again.call(Admin.health, HealthRequest()).state != .unknown)
                #expect(ContinuousClock.now - start < .seconds(1), "it serves within a second")
                // A row that is there with the same content counts as unchanged, one that was lost as added.
                for id in rows.all {
                    let row = Evaluation(id: id, prompt: "prompt \(id)", task: "t", scores: ["m": 0.5])
                    let reply = try await again.call(Scorer.import, ImportRequest(evaluations: [row]))
                    #expect(reply.unchanged == 1, "\(id)")
                }
                again.close()
            }
        }
    }

    @Test(.timeLimit(.minutes(2))) func withoutTheScorerTheRouterServesItsCacheThenDegrades() async throws {
        try await withHerd { herd in
            try await herd.teach()
            let client = try herd.router.client("router")
            defer { client.close() }
            let known = try await client.call(Router.route, RouteRequest(prompt: "reverse lantern"))
            herd.scorer.kill()
            try await herd.waitForState(.degraded)
            let cached = try await client.call(Router.route, RouteRequest(prompt: "reverse lantern"))
            #expect(cached.cached && !cached.degraded && cached.model == known.model)
            let fallback = try await client.call(Router.route, RouteRequest(prompt: "sort walnut"))
            #expect(fallback.degraded && !fallback.degradedBecause.isEmpty)
            let policy = Policy(name: "default", defaultModel: "tiny-copy")
            _ = try await client.call(Registry.putPolicy, PutPolicyRequest(policy: policy))
            let named = try await client.call(Router.route, RouteRequest(prompt: "sort walnut"))
            #expect(named.degraded && named.model == "tiny-copy")
            // Not even a restart of the router needs the scorer.
            herd.router.kill()
            try await herd.startRouterAgain()
            let restarted = try await client.call(Router.route, RouteRequest(prompt: "reverse lantern"))
            #expect(restarted.cached && restarted.model == known.model)
            try await herd.startScorerAgain()
            try await herd.waitForState(.serving)
            let back = try await client.call(Router.route, RouteRequest(prompt: "sort walnut"))
            #expect(!back.degraded && back.model == "tiny-sort")
        }
    }
}

/// The tests' own list of what was acknowledged.
private final class AcknowledgedWrites: Sendable {
    private let ids = Mutex<[String]>([])

    var all: [String] { ids.withLock { $0 } }

    func add(_ id: String) { ids.withLock { $0.append(id) } }
}
