import HerdClient
import HerdDatasets
import HerdFrames
import HerdMessages
import PlantedGains
import Testing

/// Planted gains through import, training, prediction, cache and decision.
@Suite struct RefinementRoutingTests {
    /// Refinement helps "alder" with verses and harms it with equations, where it is best without.
    private static let poetry = "verse rhyme sonnet stanza please"
    private static let algebra = "solve the quadratic polynomial equation"

    private func plant(in herd: TestHerd, _ planted: PlantedGains) async throws -> PredictorSummary {
        try await herd.addModels(planted.models)
        let evaluations = planted.make(costs: true).map { row in
            Evaluation(
                id: row.id, prompt: row.prompt, task: row.task, scores: row.scores, costs: row.costs,
                refined: row.refined.mapValues { Rounds(values: $0) },
                refinedCosts: row.refinedCosts.mapValues { Rounds(values: $0) })
        }
        _ = try await herd.call(Scorer.import, ImportRequest(evaluations: evaluations))
        let summary = try await herd.train(TrainRequest(seed: 1, promote: true))
        try await herd.follow(summary.version)
        return summary
    }

    private func oneRound() -> PlantedGains {
        var planted = PlantedGains(rows: 400)
        planted.rounds = 1
        return planted
    }

    @Test func refinementIsChosenWhereItHelpsAndNotWhereItHarms() async throws {
        let herd = try await TestHerd.start()
        defer { herd.removeFolder() }
        let summary = try await plant(in: herd, oneRound())
        #expect(summary.figures["cv.models_refined"] ?? 0 >= 2)
        #expect(summary.figures["cv.refinement_gain"] ?? 0 > 0.02)

        let helped = try await herd.route(Self.poetry) { $0.explain = true }
        #expect(helped.topic == "poetry" && helped.model == "alder" && !helped.cached)
        let first = try #require(helped.candidates.first)
        #expect(first.refineRounds == 1)
        #expect(first.contributions.map(\.name) == ["quality", "refinement"])
        #expect(first.contributions.reduce(0) { $0 + $1.value } == first.utility && first.quality == first.utility)
        #expect(abs(first.costUsd - 0.02) < 1e-4, "a cent for the draft, a cent for the round")
        let harmed = try await herd.route(Self.algebra)
        #expect(harmed.topic == "algebra" && harmed.model == "alder")
        #expect(harmed.candidates.first?.refineRounds == 0)

        // From the cache it is the same, and so it is from the store of a new process.
        let again = try await herd.route(Self.poetry) { $0.explain = true }
        #expect(again.cached && again.candidates == helped.candidates)
        let decision = try await herd.call(Router.getDecision, GetDecisionRequest(decisionId: helped.decisionId))
        #expect(decision.decision?.response == helped)
        try await herd.stop()
        let restarted = try await TestHerd.start(in: herd.folder)
        try await restarted.follow(summary.version)
        let kept = try await restarted.route(Self.poetry) { $0.explain = true }
        #expect(kept.cached && kept.candidates == helped.candidates)
        try await restarted.stop()
    }

    @Test func callersAndPoliciesLimitTheRounds() async throws {
        try await withTestHerd { herd in
            _ = try await plant(in: herd, oneRound())
            func rounds(_ change: (inout RouteRequest) -> Void) async throws -> UInt32? {
                try await herd.route(Self.poetry, change).candidates.first { $0.model == "alder" }?.refineRounds
            }
            #expect(try await rounds { _ in } == 1)
            #expect(try await rounds { $0.constraints = Constraints(refinement: .maxRefineRounds(0)) } == 0)
            #expect(try await rounds { $0.constraints = Constraints(refinement: .maxRefineRounds(5)) } == 1)
            #expect(try await rounds { $0.constraints = Constraints(maxCostUsd: 0.015) } == 0)
            #expect(try await rounds { $0.goals = Goals(goals: [Goal(name: "cost", lambda: 2)]) } == 1)
            #expect(try await rounds { $0.goals = Goals(goals: [Goal(name: "cost", lambda: 40)]) } == 0)
            await expectFailure(.invalidArgument) {
                _ = try await rounds { $0.constraints = Constraints(refinement: .maxRefineRounds(6)) }
            }

            let policy = Policy(name: "once", constraints: Constraints(refinement: .maxRefineRounds(0)))
            let stored = try await herd.call(Registry.putPolicy, PutPolicyRequest(policy: policy)).policy
            #expect(stored?.constraints == policy.constraints)
            let read = try await herd.call(Registry.getPolicy, GetPolicyRequest(name: "once")).policy
            #expect(read?.constraints == policy.constraints, "0 is not the same as no limit")
            #expect(try await rounds { $0.policy = "once" } == 0)
            let loosening = try await rounds {
                $0.policy = "once"
                $0.constraints = Constraints(refinement: .maxRefineRounds(3))
            }
            #expect(loosening == 0, "the smaller limit holds")
        }
    }

    @Test func thePredictionNamesTheGainsOfEveryModelAndRound() async throws {
        try await withTestHerd { herd in
            var planted = PlantedGains(rows: 240)
            planted.rounds = 3
            _ = try await plant(in: herd, planted)
            let reply = try await herd.call(Scorer.predict, PredictRequest(text: Self.poetry))
            #expect(reply.rounds == 3 && reply.models == ["alder", "birch", "cedar"])
            #expect(reply.gains.count == 9 && reply.roundCostsUsd.count == 9)
            #expect(reply.gains[0] > 0.1 && reply.gains[3] < -0.05)
            for model in 0..<3 {
                for round in 0..<3 {
                    let cost = reply.roundCostsUsd[3 * model + round]
                    #expect(abs(cost - 0.01 * Float(round + 1)) < 1e-4, "of all rounds up to that one")
                }
            }
        }
    }
}
