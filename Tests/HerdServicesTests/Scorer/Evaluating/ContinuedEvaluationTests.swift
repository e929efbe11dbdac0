import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// Nothing that was paid for is paid for again, whatever failed after it.
@Suite struct ContinuedEvaluationTests {
    private static let judged: @Sendable (inout EvaluateRequest) -> Void = {
        $0.models = ["m"]
        $0.grader = Grader(kind: "judge", judgeModel: "judge")
    }
    private static let models = [ScorerHarness.model("m"), ScorerHarness.model("judge")]

    private func calls(_ model: String, _ harness: ScorerHarness) async -> Int {
        await harness.router.book.order.count { $0.model == model }
    }

    @Test func anAnswerOutlivesItsJudge() async throws {
        try await ScorerHarness.run(
            models: Self.models,
            script: { call, time in
                guard call.model == "judge" else { return ("answer", 0.01) }
                let isFirst = time == 1 && call.prompt.contains("Answer 1:\nanswer")
                return (isFirst ? "I like both." : "VERDICT: 1", 0.02)
            }
        ) { harness in
            try await harness.put(SuiteItem.several(1))
            let first = try #require(try await harness.evaluate(Self.judged).last)
            #expect(first.failed == 1 && first.done == 0)
            #expect(abs(first.costUsd - 0.03) < 1e-9, "the answer, and one call of the judge")
            // Not graded is not 0.
            #expect(first.summaries.map(\.answers) == [0])
            #expect(first.summaries.map(\.costUsd) == [0.01])
            await expectFailure(.failedPrecondition) {
                _ = try await harness.client.call(Scorer.perfics, PerficsRequest())
            }
            let second = try #require(try await harness.evaluate(Self.judged).last)
            #expect(second.done == 1 && second.failed == 0)
            #expect(second.summaries.map(\.answers) == [1])
            #expect(await calls("m", harness) == 1)
            #expect(await calls("judge", harness) == 3)
        }
    }

    @Test func verdictsThatWereGivenStay() async throws {
        try await ScorerHarness.run(
            models: Self.models,
            script: { call, time in
                guard call.model == "judge" else { return (call.prompt.hasSuffix("#1") ? "second" : "first", 0) }
                if call.prompt.contains("Answer 1:\nsecond"), time == 1 {
                    throw CallError(.unavailable, "the judge is down")
                }
                return ("VERDICT: TIE", 0.02)
            }
        ) { harness in
            try await harness.put(SuiteItem.several(1))
            let failed = try await harness.evaluate {
                Self.judged(&$0)
                $0.rounds = 1
            }
            #expect(failed.last?.failed == 1)
            #expect(abs((failed.last?.costUsd ?? 0) - 0.041) < 1e-9, "two verdicts and a critique")
            let again = try await harness.evaluate {
                Self.judged(&$0)
                $0.rounds = 1
            }
            #expect(again.last?.done == 1 && again.last?.summaries.first?.refined == [0.5])
            #expect(await calls("m", harness) == 2)
            // Two for the first answer; one that failed and two for the second.
            #expect(await calls("judge", harness) == 5)
        }
    }

    @Test func aRoundThatFailsLeavesThoseBeforeIt() async throws {
        try await ScorerHarness.run(
            models: [ScorerHarness.model("m")],
            script: { call, time in
                if call.prompt.hasSuffix("#2"), time == 1 { throw CallError(.unavailable, "its endpoint is down") }
                return (call.prompt == "question 0" ? "wrong" : call.prompt.hasSuffix("#2") ? "third" : "a0", 0.01)
            }
        ) { harness in
            try await harness.put(SuiteItem.several(1))
            let first = try #require(try await harness.evaluate { $0.rounds = 3 }.last)
            #expect(first.failed == 1 && first.done == 0)
            // Draft and rewrite, two critiques, and what broke off.
            #expect(abs(first.costUsd - (2 * 0.01 + 2 * 0.001 + 0.002)) < 1e-9)
            #expect(first.summaries.map(\.score) == [0] && first.summaries.map(\.refined) == [[1]])
            let second = try #require(try await harness.evaluate { $0.rounds = 3 }.last)
            #expect(second.done == 1 && second.summaries.map(\.refined) == [[1, 1, 0]])
            let call = ScriptedRouter.Call(model: "m", prompt: "question 0")
            #expect(await harness.router.book.calls[call] == 1)
            #expect(await harness.router.book.rounds[call] == ["wrong", "a0"])
        }
    }

    @Test func moreRoundsGoOnFromTheLast() async throws {
        try await ScorerHarness.run(
            models: [ScorerHarness.model("m")],
            script: { call, time in (call.prompt == "question 0" ? "draft" : time == 1 ? "a0" : "later \(time)", 0.01) }
        ) { harness in
            try await harness.put(SuiteItem.several(1))
            for rounds in 1...3 as ClosedRange<UInt32> { _ = try await harness.evaluate { $0.rounds = rounds } }
            let last = try #require(try await harness.evaluate { $0.rounds = 3 }.last)
            #expect(last.skipped == 1 && last.summaries.map(\.refined) == [[1, 0, 0]])
            #expect(abs((last.summaries.first?.costUsd ?? 0) - (4 * 0.01 + 3 * 0.001)) < 1e-9)
            let call = ScriptedRouter.Call(model: "m", prompt: "question 0")
            #expect(await harness.router.book.calls[call] == 1)
            #expect(await harness.router.book.rounds[call] == ["draft", "a0", "later 2"])
        }
    }

    @Test func aBlankRewriteChangesNothing() async throws {
        try await ScorerHarness.run(
            models: [ScorerHarness.model("m")],
            script: { call, _ in (call.prompt == "question 0" ? "a0" : " ", 0.01) }
        ) { harness in
            try await harness.put(SuiteItem.several(1))
            let events = try await harness.evaluate { $0.rounds = 2 }
            #expect(events.last?.summaries.map(\.score) == [1])
            #expect(events.last?.summaries.map(\.refined) == [[1, 1]])
            // The refinement had ended by itself: there is nothing to ask for another round.
            let more = try await harness.evaluate { $0.rounds = 4 }
            #expect(more.last?.done == 1 && more.last?.summaries.map(\.refined) == [[1, 1, 1, 1]])
            #expect(await harness.router.book.total == 2)
        }
    }

    @Test func anEmptyAnswerIsADraftToo() async throws {
        try await ScorerHarness.run(
            models: [ScorerHarness.model("m")],
            script: { call, _ in (call.prompt == "question 0" ? "" : "a0", 0.01) }
        ) { harness in
            try await harness.put(SuiteItem.several(1))
            _ = try await harness.evaluate()
            let events = try await harness.evaluate { $0.rounds = 1 }
            #expect(events.last?.summaries.map(\.score) == [0])
            #expect(events.last?.summaries.map(\.refined) == [[1]])
            #expect(await harness.router.book.calls[ScriptedRouter.Call(model: "m", prompt: "question 0")] == 1)
        }
    }

    @Test func aDryRunStoresNothing() async throws {
        try await ScorerHarness.run(
            models: [ScorerHarness.model("m")], script: { call, _ in ("a0", 0.01) }
        ) { harness in
            try await harness.put(SuiteItem.several(2))
            _ = try await harness.evaluate()
            var changed = SuiteItem.several(3)
            changed[0].prompt = "another"
            changed[1].reference = "another"
            let request = PutSuiteRequest(suite: "s", items: changed, replace: true, dryRun: true)
            let counted = try await harness.client.call(Scorer.putSuite, request)
            #expect(counted == PutSuiteResponse(added: 1, replaced: 2, total: 2))
            let conflict = await expectFailure(.alreadyExists) {
                var request = request
                request.replace = false
                _ = try await harness.client.call(Scorer.putSuite, request)
            }
            #expect(conflict.contains("'q0'"))
            // Another question is asked, another right answer graded, a new question asked.
            let estimated = try await harness.evaluate {
                $0.dryRun = true
                $0.items = changed
            }
            #expect(estimated.first?.total == 3)
            let same = try await harness.evaluate {
                $0.dryRun = true
                $0.items = SuiteItem.several(2)
            }
            #expect(same.first?.total == 0 && same.first?.skipped == 2)
            await expectFailure(.invalidArgument) { _ = try await harness.evaluate { $0.items = changed } }
            let after = try await harness.evaluate()
            #expect(after.last?.skipped == 2 && after.last?.total == 0)
            #expect(after.last?.summaries.map(\.score) == [0.5])
            #expect(await harness.router.book.total == 2)
        }
    }
}
