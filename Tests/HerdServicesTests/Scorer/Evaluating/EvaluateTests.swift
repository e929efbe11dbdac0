import HerdClient
import HerdFrames
import HerdMessages
import Testing

@Suite struct EvaluateTests {
    /// "large" is always right, "small" on even questions only.
    private static let script: ScriptedRouter.Script = { call, _ in
        let number = call.prompt.split(separator: " ").last.flatMap { Int($0) } ?? 0
        return (call.model == "large" || number.isMultiple(of: 2) ? "a\(number)" : "wrong", 0.01)
    }

    @Test func everyModelIsAskedEachQuestionOnceAndGraded() async throws {
        try await ScorerHarness.run(script: Self.script) { harness in
            try await harness.put(SuiteItem.several(20))
            let events = try await harness.evaluate()
            let last = try #require(events.last)
            #expect(events[0].total == 40 && events[0].done == 0)
            #expect(last.done == 40 && last.failed == 0 && last.skipped == 0 && !last.ceilingReached)
            #expect(last.summaries.map(\.model) == ["large", "small"])
            #expect(last.summaries.map(\.score) == [1, 0.5])
            #expect(last.summaries.map(\.answers) == [20, 20])
            // Without the time that they waited for their turn.
            #expect(last.summaries.map(\.meanSeconds) == [0.25, 0.25])
            #expect(abs(last.costUsd - 0.4) < 1e-9)
            let calls = await harness.router.book.calls
            #expect(calls.count == 40 && calls.values.allSatisfy { $0 == 1 })
            // Again: everything is there already.
            let again = try await harness.evaluate()
            #expect(again.last?.total == 0 && again.last?.skipped == 40)
            #expect(again.last?.summaries.map(\.score) == [1, 0.5])
            #expect(await harness.router.book.total == 40)
            // Unless asked to.
            let repeated = try await harness.evaluate {
                $0.again = true
                $0.models = ["small"]
                $0.ids = ["q3", "q4"]
            }
            #expect(repeated.last?.done == 2)
            #expect(await harness.router.book.total == 42)
        }
    }

    @Test func trainingUsesWhatWasMeasured() async throws {
        try await ScorerHarness.run(script: Self.script) { harness in
            try await harness.put(SuiteItem.several(12))
            _ = try await harness.evaluate()
            var rows: UInt64?
            for try await event in harness.client.stream(Scorer.train, TrainRequest(seed: 1, promote: true)) {
                if case .trained(let summary)? = event.event { rows = summary.rows }
            }
            #expect(rows == 12)
        }
    }

    @Test func aRunThatIsEndedGoesOnWhereItWas() async throws {
        try await ScorerHarness.run(script: Self.script) { harness in
            try await harness.put(SuiteItem.several(60))
            for stop in [10, 25, 50, 90] {
                let run = Task { try await harness.evaluate() }
                await harness.router.book.reached(stop)
                run.cancel()
                _ = try? await run.value
            }
            let events = try await harness.evaluate()
            #expect(events.last?.summaries.map(\.answers) == [60, 60])
            #expect(events.last?.summaries.map(\.score) == [1, 0.5])
            // Two models, two calls at once each: at most four calls under way are lost each time.
            #expect(await harness.router.book.total <= 120 + 4 * 4)
        }
    }

    @Test func noMoreCallsAreUnderWayThanTheEndpointsTake() async throws {
        let models = [ScorerHarness.model("large", concurrency: 3), ScorerHarness.model("small", concurrency: 5)]
        try await ScorerHarness.run(
            models: models,
            script: { call, time in
                try await Task.sleep(for: .milliseconds(5))
                return try await Self.script(call, time)
            }
        ) { harness in
            try await harness.put(SuiteItem.several(40))
            _ = try await harness.evaluate()
            #expect(await harness.router.book.mostUnderWay == ["large": 3, "small": 5])
            // Nor where more are asked for: they would wait at the endpoints.
            _ = try await harness.evaluate {
                $0.again = true
                $0.concurrency = 200
            }
            #expect(await harness.router.book.mostUnderWay == ["large": 3, "small": 5])
            _ = try await harness.evaluate {
                $0.again = true
                $0.concurrency = 1
            }
            #expect(await harness.router.book.total == 240)
        }
    }

    @Test func theCeilingIsNeverPassed() async throws {
        // 10 bytes are 3 tokens in, 100 tokens out: probably 0.0503 dollars, at most 0.0575, 0.05 in fact.
        let models = [ScorerHarness.model("large", concurrency: 4, priceIn: 100, priceOut: 500, outputTokens: 100)]
        try await ScorerHarness.run(
            models: models,
            script: { call, time in
                (try await Self.script(call, time).text, 0.05)
            }
        ) { harness in
            try await harness.put(SuiteItem.several(30))
            let events = try await harness.evaluate { $0.ceiling = .maxCostUsd(0.52) }
            let last = try #require(events.last)
            #expect(abs((events.first?.estimatedCostUsd ?? 0) - 30 * 0.0503) < 0.02)
            #expect(last.ceilingReached && last.costUsd <= 0.52 && last.done == 10)
            #expect(last.summaries.first?.answers == 10)
            // With more money it goes on.
            let rest = try await harness.evaluate()
            #expect(rest.last?.done == 20 && rest.last?.skipped == 10)
            #expect(await harness.router.book.total == 30)
        }
    }

    @Test func anEstimateAsksNothing() async throws {
        let models = [ScorerHarness.model("free"), Model(name: "unpriced", endpoints: [Endpoint(baseUrl: "http://x")])]
        try await ScorerHarness.run(models: models, script: Self.script) { harness in
            try await harness.put(SuiteItem.several(10))
            let events = try await harness.evaluate { $0.dryRun = true }
            #expect(events.first?.total == 20)
            #expect(events.first?.assumedPrices == ["unpriced"])
            // Ten times 3 tokens for 10 dollars and 256 tokens for 30 dollars a million.
            #expect(abs((events.first?.estimatedCostUsd ?? 0) - 10 * (3 * 10 + 256 * 30) / 1e6) < 1e-6)
            #expect(await harness.router.book.total == 0)
        }
    }

    @Test func aQuestionThatFailsIsToldOfAndTheRunGoesOn() async throws {
        try await ScorerHarness.run(script: { call, time in
            if call.model == "small", call.prompt == "question 7", time == 1 {
                throw CallError(.unavailable, "its endpoint is down")
            }
            return try await Self.script(call, time)
        }) { harness in
            try await harness.put(SuiteItem.several(10))
            let events = try await harness.evaluate()
            let failures = events.flatMap(\.failures)
            #expect(failures.map(\.id) == ["q7"] && failures.map(\.model) == ["small"])
            #expect(failures.first?.error.contains("endpoint is down") == true)
            #expect(events.last?.failed == 1 && events.last?.done == 19)
            #expect(events.last?.summaries.map(\.failed) == [0, 1])
            let again = try await harness.evaluate()
            #expect(again.last?.done == 1 && again.last?.failed == 0)
        }
    }

    @Test func aBusyModelIsWaitedFor() async throws {
        try await ScorerHarness.run(script: { call, time in
            if time < 3 {
                throw CallError(.resourceExhausted, "too many requests", metadata: ["retry-after-ms": "5"])
            }
            return try await Self.script(call, time)
        }) { harness in
            try await harness.put(SuiteItem.several(4))
            let events = try await harness.evaluate()
            #expect(events.last?.done == 8 && events.last?.failed == 0)
            #expect(await harness.router.book.total == 3 * 8)
        }
    }

    @Test func aPatternThatTakesTooLongScoresZeroAndIsNamed() async throws {
        let models = [ScorerHarness.model("m")]
        try await ScorerHarness.run(models: models, script: { _, _ in (String(repeating: "a", count: 500) + "!", 0) }) {
            harness in
            try await harness.put(SuiteItem.several(1))
            let events = try await harness.evaluate {
                $0.grader = Grader(kind: "regex", pattern: "^(a+)+$")
            }
            #expect(events.last?.done == 1 && events.last?.failed == 0)
            #expect(events.last?.summaries.first?.score == 0)
            let remarks = events.flatMap(\.failures).map(\.error)
            #expect(remarks.count == 1 && remarks.first?.contains("too long") == true, "\(remarks)")
        }
    }

    @Test func aModelThatOnlyFailsIsGivenUp() async throws {
        try await ScorerHarness.run(script: { call, time in
            if call.model == "small" { throw CallError(.deadlineExceeded, "no first token") }
            return try await Self.script(call, time)
        }) { harness in
            try await harness.put(SuiteItem.several(50))
            let events = try await harness.evaluate()
            #expect(events.last?.summaries.map(\.answers) == [50, 0])
            let failures = events.flatMap(\.failures)
            #expect(failures.contains { $0.id.isEmpty && $0.model == "small" && $0.error.contains("in a row") })
            #expect(await harness.router.book.total < 50 + 10 + 3)
        }
    }

    @Test func roundsOfRefinementAreMeasuredOneByOne() async throws {
        let models = [ScorerHarness.model("content"), ScorerHarness.model("eager")]
        try await ScorerHarness.run(
            models: models,
            script: { call, _ in
                // Right in the first round only.
                (call.prompt.hasSuffix("#1") ? "a0" : "wrong", 0.01)
            }
        ) { harness in
            try await harness.put(SuiteItem.several(1))
            // First without rounds: the draft is not asked for again.
            _ = try await harness.evaluate()
            let events = try await harness.evaluate { $0.rounds = 3 }
            let summaries = try #require(events.last?.summaries)
            #expect(summaries.map(\.score) == [0, 0])
            // Nothing was found in round 2: the answer stays.
            #expect(summaries.map(\.refined) == [[1, 1, 1], [1, 0, 0]])
            let drafts = await harness.router.book.rounds
            #expect(drafts.values.allSatisfy { $0 == ["wrong"] })
            let asked = await harness.router.book.calls
            #expect(asked[ScriptedRouter.Call(model: "eager", prompt: "question 0")] == 1)
            // Three rounds and a draft; a critique for 0.001 each.
            #expect(abs(summaries[1].costUsd - 4 * 0.01 - 3 * 0.001) < 1e-9)
            #expect(abs(summaries[0].costUsd - 2 * 0.01 - 2 * 0.001) < 1e-9)
            let fewer = try await harness.evaluate { $0.rounds = 2 }
            #expect(fewer.last?.skipped == 2)
        }
    }

    @Test func anotherGraderGradesWhatIsThere() async throws {
        try await ScorerHarness.run(models: [ScorerHarness.model("m")], script: { call, _ in ("The A0", 0) }) {
            harness in
            try await harness.put(SuiteItem.several(1))
            let exact = try await harness.evaluate()
            #expect(exact.last?.summaries.first?.score == 0)
            let words = try await harness.evaluate { $0.grader = Grader(kind: "em") }
            #expect(words.last?.summaries.first?.score == 1 && words.last?.done == 1)
            #expect(await harness.router.book.total == 1)
            // So does a right answer that is put right.
            try await harness.put(
                [SuiteItem(id: "q0", prompt: "question 0", task: "t", reference: "The A0")], replace: true)
            let mended = try await harness.evaluate()
            #expect(mended.last?.summaries.first?.score == 1)
            #expect(await harness.router.book.total == 1)
            // Another question under the id is asked anew.
            try await harness.put([SuiteItem(id: "q0", prompt: "other 0", task: "t", reference: "x")], replace: true)
            let other = try await harness.evaluate()
            #expect(other.last?.summaries.first?.score == 0 && other.last?.done == 1)
            #expect(await harness.router.book.total == 2)
        }
    }

    @Test func aJudgeIsAskedInBothOrders() async throws {
        let models = [ScorerHarness.model("m"), ScorerHarness.model("judge")]
        try await ScorerHarness.run(
            models: models,
            script: { call, _ in
                guard call.model == "judge" else { return (call.prompt.replacing("question", with: "answer"), 0.01) }
                if call.prompt.contains("question 3") { return ("I can't say.", 0.02) }
                // 0: prefers the answer; 1: the reference; 2: whatever stands first.
                let isFirst = call.prompt.contains("Answer 1:\nanswer")
                let prefersFirst =
                    call.prompt.contains("question 0") ? isFirst : call.prompt.contains("question 1") ? !isFirst : true
                return ("Both are fine.\nVERDICT: \(prefersFirst ? 1 : 2)", 0.02)
            }
        ) { harness in
            try await harness.put(SuiteItem.several(4))
            let events = try await harness.evaluate {
                $0.models = ["m"]
                $0.grader = Grader(kind: "judge", judgeModel: "judge", criteria: "truth")
            }
            let last = try #require(events.last)
            #expect(last.done == 3 && last.failed == 1)
            #expect(events.flatMap(\.failures).map(\.id) == ["q3"])
            #expect(events.flatMap(\.failures).first?.error.contains("no verdict") == true)
            #expect(last.summaries.first?.score == 0.5)
            // The reply without a verdict was paid for too.
            #expect(abs(last.costUsd - (4 * 0.01 + 7 * 0.02)) < 1e-9)
        }
    }

    @Test func anEvaluationOfAnotherPromptKeepsItsID() async throws {
        try await ScorerHarness.run(script: Self.script) { harness in
            let imported = [
                Evaluation(id: "q0", prompt: "another", task: "t", scores: ["x": 1]),
                Evaluation(id: "q1", prompt: "question 1", task: "t", scores: ["x": 1]),
            ]
            _ = try await harness.client.call(Scorer.import, ImportRequest(evaluations: imported))
            try await harness.put(SuiteItem.several(2))
            let events = try await harness.evaluate()
            #expect(events.last?.done == 2 && events.last?.failed == 2)
            let failures = events.flatMap(\.failures)
            #expect(failures.allSatisfy { $0.id == "q0" && $0.code == UInt32(StatusCode.alreadyExists.rawValue) })
            // Nothing was asked for it; the other one has three scores now.
            #expect(await harness.router.book.total == 2)
            let merged = Evaluation(
                id: "q1", prompt: "question 1", task: "t", scores: ["x": 1, "large": 1, "small": 0],
                costs: ["large": 0.01, "small": 0.01])
            let reply = try await harness.client.call(Scorer.import, ImportRequest(evaluations: [merged]))
            #expect(reply.unchanged == 1)
        }
    }

    @Test func wrongRequestsAreRefusedByName() async throws {
        let models = [ScorerHarness.model("large"), Model(name: "bare")]
        try await ScorerHarness.run(models: models, script: Self.script) { harness in
            try await harness.put(SuiteItem.several(2))
            let wrong: [(StatusCode, String, @Sendable (inout EvaluateRequest) -> Void)] = [
                (.invalidArgument, "rounds", { $0.rounds = 6 }),
                (.invalidArgument, "concurrency", { $0.concurrency = 300 }),
                (.invalidArgument, "twice", { $0.models = ["large", "large"] }),
                (.invalidArgument, "grader", { $0.grader = Grader(kind: "fuzzy") }),
                (.invalidArgument, "pattern", { $0.grader = Grader(kind: "regex", pattern: "(") }),
                (.invalidArgument, "max_cost_usd", { $0.ceiling = .maxCostUsd(-1) }),
                (.notFound, "no model 'absent'", { $0.models = ["absent"] }),
                (.failedPrecondition, "no endpoint", { $0.models = ["bare"] }),
                (.notFound, "no suite", { $0.suite = "other" }),
                (.notFound, "questions", { $0.ids = ["q0", "absent"] }),
                (.failedPrecondition, "judge", { $0.grader = Grader(kind: "judge", judgeModel: "bare") }),
            ]
            for (code, text, change) in wrong {
                let message = await expectFailure(code) { _ = try await harness.evaluate(change) }
                #expect(message.contains(text), "\(message)")
            }
            #expect(await harness.router.book.total == 0)
        }
    }

    @Test func oneRunOfASuiteAtATime() async throws {
        try await ScorerHarness.run(script: { call, time in
            try await Task.sleep(for: .seconds(30))
            return try await Self.script(call, time)
        }) { harness in
            try await harness.put(SuiteItem.several(2))
            let first = Task { try await harness.evaluate() }
            await harness.router.book.reached(1)
            let message = await expectFailure(.aborted) { _ = try await harness.evaluate() }
            #expect(message.contains("suite 's'"))
            first.cancel()
            _ = try? await first.value
        }
    }
}
