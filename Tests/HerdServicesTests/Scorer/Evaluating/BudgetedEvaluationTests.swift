import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// What a run may spend, and what is told of it.
@Suite struct BudgetedEvaluationTests {
    /// Answers as long as it may, up to `length` tokens of a thousandth of a dollar each.
    private static func talkative(_ length: Int) -> ScriptedRouter.Script {
        { call, _ in
            let tokens = call.maxTokens == 0 ? length : min(length, Int(call.maxTokens))
            return (call.prompt.hasSuffix("0") ? "a0" : "a1", 0.001 * Double(tokens))
        }
    }

    @Test func aCeilingBoundsAnswersOfAnyLength() async throws {
        // 1,000 dollars a million tokens out: an answer of the declared length costs 0.05 dollars.
        let models = [ScorerHarness.model("m", concurrency: 4, priceOut: 1_000, outputTokens: 50)]
        try await ScorerHarness.run(models: models, script: Self.talkative(1_000_000)) { harness in
            try await harness.put(SuiteItem.several(20))
            let events = try await harness.evaluate { $0.ceiling = .maxCostUsd(1.03) }
            let last = try #require(events.last)
            #expect(last.costUsd <= 1.03 && last.ceilingReached && last.done >= 3)
            let allowed = await harness.router.book.maxTokens
            #expect(allowed.allSatisfy { (50...400).contains($0) }, "\(allowed)")
            // The last one had what was left, not eight times the declared length.
            #expect(allowed.contains(400) && allowed.contains { $0 < 400 })
            #expect(last.summaries.map(\.answers) == [last.done])
            // Without a ceiling a model says what it likes.
            _ = try await harness.evaluate()
            #expect(await harness.router.book.maxTokens.contains(0))
        }
    }

    @Test func aCeilingCountsRoundsAndJudges() async throws {
        let models = [
            ScorerHarness.model("m", concurrency: 3, priceOut: 1_000, outputTokens: 50),
            ScorerHarness.model("judge", concurrency: 2, priceOut: 100),
        ]
        let script: ScriptedRouter.Script = { call, time in
            guard call.model == "judge" else {
                let answer = try await Self.talkative(1_000_000)(call, time)
                return (call.prompt.hasSuffix("#1") ? "better" : answer.text, answer.cost)
            }
            return ("VERDICT: 1", 0.0512)
        }
        try await ScorerHarness.run(models: models, script: script) { harness in
            try await harness.put(SuiteItem.several(10))
            for ceiling in [2.5, 4, 6] {
                let events = try await harness.evaluate {
                    $0.models = ["m"]
                    $0.rounds = 1
                    $0.grader = Grader(kind: "judge", judgeModel: "judge")
                    $0.ceiling = .maxCostUsd(ceiling)
                }
                let last = try #require(events.last)
                #expect(last.spentBeforeUsd + last.costUsd <= ceiling + 1e-9 && last.ceilingReached)
            }
        }
    }

    @Test func aCeilingIsOfTheSuiteNotOfTheRun() async throws {
        let models = [ScorerHarness.model("m", priceOut: 1_000, outputTokens: 10)]
        try await ScorerHarness.run(models: models, script: { _, _ in ("a0", 0.01) }) { harness in
            try await harness.put(SuiteItem.several(30))
            var spent = 0.0
            for run in 0..<3 {
                let events = try await harness.evaluate { $0.ceiling = .maxCostUsd(0.105) }
                let last = try #require(events.last)
                #expect(abs(last.spentBeforeUsd - spent) < 1e-9 && events[0].spentBeforeUsd == last.spentBeforeUsd)
                spent += last.costUsd
                #expect(last.ceilingReached && spent <= 0.105)
                #expect(run == 0 ? last.done > 5 : last.done == 0)
            }
            let higher = try #require(try await harness.evaluate { $0.ceiling = .maxCostUsd(1) }.last)
            #expect(!higher.ceilingReached && higher.summaries.map(\.answers) == [30])
            // What is asked anew is paid anew.
            let again = try await harness.evaluate {
                $0.ceiling = .maxCostUsd(1)
                $0.again = true
            }
            #expect(again.last?.done == 30 && again.last?.spentBeforeUsd == 0)
        }
    }

    @Test func answersOfOtherOptionsAreTold() async throws {
        try await ScorerHarness.run(
            models: [ScorerHarness.model("m")], script: { _, _ in ("a0", 0) }
        ) { harness in
            try await harness.put(SuiteItem.several(4))
            let first = try await harness.evaluate { $0.ids = ["q0", "q1", "q2"] }
            #expect(first.last?.otherOptions == 0)
            let other: @Sendable (inout EvaluateRequest) -> Void = {
                $0.options = GenerationOptions(samplingTemperature: .temperature(1), maxTokens: 1)
            }
            let second = try await harness.evaluate(other)
            #expect(second[0].otherOptions == 3 && second.last?.otherOptions == 3 && second.last?.done == 1)
            // The same options said in full are the same.
            let same = try await harness.evaluate {
                $0.ids = ["q0"]
                $0.options = GenerationOptions(samplingTemperature: .temperature(0))
            }
            #expect(same.last?.otherOptions == 0)
            let again = try await harness.evaluate {
                other(&$0)
                $0.again = true
            }
            #expect(again.last?.otherOptions == 0 && again.last?.done == 4)
            #expect(try await harness.evaluate(other).last?.otherOptions == 0)
        }
    }

    @Test func judgingIsAStageOfItsOwn() async throws {
        let models = [ScorerHarness.model("m", concurrency: 8), ScorerHarness.model("judge", concurrency: 2)]
        let script: ScriptedRouter.Script = { call, _ in
            guard call.model == "judge" else { return ("some answer", 0) }
            try await Task.sleep(for: .milliseconds(2))
            return ("VERDICT: TIE", 0)
        }
        try await ScorerHarness.run(models: models, script: script) { harness in
            try await harness.put(SuiteItem.several(40))
            let judged: @Sendable (inout EvaluateRequest) -> Void = {
                $0.models = ["m"]
                $0.grader = Grader(kind: "judge", judgeModel: "judge")
            }
            let run = Task { try await harness.evaluate(judged) }
            // All answers and a part of the judgements.
            await harness.router.book.reached(60)
            run.cancel()
            _ = try? await run.value
            let before = await harness.router.book.order.count { $0.model == "judge" }
            let rest = try #require(try await harness.evaluate(judged).last)
            #expect(rest.summaries.map(\.answers) == [40] && rest.failed == 0)
            let order = await harness.router.book.order
            #expect(order.count { $0.model == "m" } <= 40 + 8, "answers are there, whatever became of their judge")
            #expect(await harness.router.book.mostUnderWay["judge"] == 2)
            // Both orders of an answer one after the other: two judgements at most were lost.
            #expect(order.count { $0.model == "judge" } <= 80 + 2 * 2, "\(before) before")
        }
    }

    @Test func aModelThatIsAwayIsWaitedForOnce() async throws {
        try await ScorerHarness.run(
            models: [ScorerHarness.model("m", concurrency: 1)],
            script: { call, time in
                if call.prompt == "question 0" ? time == 1 : call.prompt == "question 1" {
                    throw CallError(.unavailable, "its endpoint is down", metadata: ["retry-after-ms": "5"])
                }
                return ("a0", 0)
            }
        ) { harness in
            try await harness.put(SuiteItem.several(3))
            let last = try #require(try await harness.evaluate().last)
            #expect(last.done == 2 && last.failed == 1)
            let calls = await harness.router.book.calls
            #expect(calls.filter { $0.key.prompt == "question 1" }.values.allSatisfy { $0 % 2 == 0 }, "\(calls)")
        }
    }
}
