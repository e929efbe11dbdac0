import HerdClient
import HerdMessages
import Testing

@Suite struct PerficsReportTests {
    private func row(_ model: String, _ harness: ScorerHarness) async throws -> PerficsRow {
        let reply = try await harness.client.call(Scorer.perfics, PerficsRequest())
        return try #require(reply.rows.first { $0.model == model })
    }

    @Test func beforeAndAfterRefinementRestOnTheSameQuestions() async throws {
        try await ScorerHarness.run(models: [ScorerHarness.model("m")], script: { _, _ in ("", 0) }) { harness in
            // Only the two easy ones of ten are refined, and nothing comes of it.
            let evaluations = (0..<10).map { place in
                var evaluation = Evaluation(
                    id: "e\(place)", prompt: "p \(place)", task: "t", scores: ["m": place < 2 ? 1 : 0.25],
                    costs: ["m": place < 2 ? 0.5 : 0.0625])
                if place < 2 {
                    evaluation.refined = ["m": Rounds(values: [1])]
                    evaluation.refinedCosts = ["m": Rounds(values: [0.125])]
                }
                return evaluation
            }
            _ = try await harness.client.call(Scorer.import, ImportRequest(evaluations: evaluations))
            let row = try await row("m", harness)
            #expect(row.performance?.value == 0.4 && row.gain?.value == 0)
            #expect(row.refined == .refinedScore(0.4))
            #expect(row.answerCost == .costUsd(0.15) && row.refinedCost == .refinedCostUsd(0.275))
            #expect(row.refinedLatency == nil, "no answer was timed")
        }
    }

    @Test func whatIsNotKnownIsAbsentAndNotZero() async throws {
        let models = [ScorerHarness.model("free"), ScorerHarness.model("other")]
        try await ScorerHarness.run(models: models, script: { _, _ in ("", 0) }) { harness in
            let evaluations = [
                Evaluation(
                    id: "e", prompt: "p", task: "t", scores: ["free": 0.5, "other": 0.5, "imported": 0.5],
                    costs: ["free": 0])
            ]
            _ = try await harness.client.call(Scorer.import, ImportRequest(evaluations: evaluations))
            let free = try await row("free", harness)
            #expect(free.answerCost == .costUsd(0) && free.memory == .memoryGb(1))
            #expect(free.refined == nil && free.refinedCost == nil && free.latency == nil)
            #expect(try await row("other", harness).answerCost == nil)
            #expect(try await row("imported", harness).memory == nil)
        }
    }

    @Test func roundsTakeTime() async throws {
        try await ScorerHarness.run(
            models: [ScorerHarness.model("m")], script: { call, _ in (call.prompt.hasSuffix("#1") ? "a0" : "no", 0) }
        ) { harness in
            try await harness.put(SuiteItem.several(1))
            _ = try await harness.evaluate { $0.rounds = 1 }
            let row = try await row("m", harness)
            #expect(row.latency == .latencySeconds(0.25))
            // A critique and a rewrite of half a second each.
            #expect(row.refinedLatency == .refinedLatencySeconds(1.25))
            #expect(row.refined == .refinedScore(1) && row.gain?.value == 1)
        }
    }
}
