import HerdClient
import HerdFrames
import HerdMessages
import Testing

@Suite struct SuiteRemovalTests {
    private func evaluations(_ harness: ScorerHarness) async throws -> UInt64 {
        try await harness.client.call(Scorer.import, ImportRequest()).total
    }

    @Test func suitesAreListedByNameWithWhatIsStored() async throws {
        try await ScorerHarness.run(script: { _, _ in ("a0", 0.25) }) { harness in
            #expect(try await harness.client.call(Scorer.listSuites, ListSuitesRequest()) == ListSuitesResponse())
            try await harness.put(SuiteItem.several(3))
            for name in ["s2", "a", "s0"] {
                let request = PutSuiteRequest(suite: name, items: SuiteItem.several(2))
                _ = try await harness.client.call(Scorer.putSuite, request)
            }
            _ = try await harness.evaluate { $0.models = ["small"] }
            let all = try await harness.client.call(Scorer.listSuites, ListSuitesRequest())
            #expect(all.suites.map(\.suite) == ["a", "s", "s0", "s2"] && all.next.isEmpty)
            #expect(
                all.suites[1] == SuiteSummary(suite: "s", questions: 3, answers: 3, costUsd: 0.75, models: ["small"]))
            var found: [String] = []
            var token = ""
            repeat {
                let page = try await harness.client.call(
                    Scorer.listSuites, ListSuitesRequest(page: Page(size: 3, token: token)))
                found += page.suites.map(\.suite)
                token = page.next
            } while !token.isEmpty
            #expect(found == ["a", "s", "s0", "s2"])
        }
    }

    @Test func aSuiteGoesWithItsAnswersAndScores() async throws {
        try await ScorerHarness.run(script: { _, _ in ("a0", 0) }) { harness in
            let imported = Evaluation(id: "q1", prompt: "question 1", task: "t", scores: ["other": 1])
            _ = try await harness.client.call(Scorer.import, ImportRequest(evaluations: [imported]))
            try await harness.put(SuiteItem.several(4))
            _ = try await harness.client.call(
                Scorer.putSuite,
                PutSuiteRequest(suite: "s2", items: [SuiteItem(id: "x", prompt: "p", task: "t", reference: "r")]))
            _ = try await harness.evaluate()
            #expect(try await evaluations(harness) == 4)
            let some = try await harness.client.call(
                Scorer.removeSuite, RemoveSuiteRequest(suite: "s", ids: ["q0", "q1"]))
            #expect(some == RemoveSuiteResponse(questions: 2, answers: 4, evaluations: 2, left: 2))
            // The imported score stays.
            #expect(try await evaluations(harness) == 3)
            let unchanged = try await harness.client.call(Scorer.import, ImportRequest(evaluations: [imported]))
            #expect(unchanged.unchanged == 1)
            let missing = await expectFailure(.notFound) {
                _ = try await harness.client.call(
                    Scorer.removeSuite, RemoveSuiteRequest(suite: "s", ids: ["q2", "q0"]))
            }
            #expect(missing.contains("'q0'"))
            let kept = RemoveSuiteRequest(suite: "s", keepEvaluations: true)
            #expect(
                try await harness.client.call(Scorer.removeSuite, kept) == RemoveSuiteResponse(questions: 2, answers: 4)
            )
            #expect(try await evaluations(harness) == 3)
            await expectFailure(.notFound) { _ = try await harness.client.call(Scorer.removeSuite, kept) }
            let left = try await harness.client.call(Scorer.listSuites, ListSuitesRequest())
            #expect(left.suites.map(\.suite) == ["s2"])
            // Put again it is asked anew.
            try await harness.put(SuiteItem.several(2))
            #expect(try await harness.evaluate().last?.done == 4)
        }
    }

    @Test func aSuiteThatIsEvaluatedStays() async throws {
        try await ScorerHarness.run(script: { _, _ in
            try await Task.sleep(for: .seconds(30))
            return ("", 0)
        }) { harness in
            try await harness.put(SuiteItem.several(2))
            let run = Task { try await harness.evaluate() }
            await harness.router.book.reached(1)
            await expectFailure(.aborted) {
                _ = try await harness.client.call(Scorer.removeSuite, RemoveSuiteRequest(suite: "s"))
            }
            run.cancel()
            _ = try? await run.value
            #expect(try await harness.client.call(Scorer.listSuites, ListSuitesRequest()).suites.first?.questions == 2)
        }
    }

    @Test func aCorrectedDomainReachesTheEvaluation() async throws {
        try await ScorerHarness.run(models: [ScorerHarness.model("m")], script: { _, _ in ("a0", 0) }) { harness in
            var items = SuiteItem.several(1)
            items[0].domain = "old"
            try await harness.put(items)
            _ = try await harness.evaluate()
            items[0].domain = "new"
            try await harness.put(items, replace: true)
            _ = try await harness.evaluate()
            #expect(await harness.router.book.total == 1)
            let corrected = Evaluation(
                id: "q0", prompt: "question 0", task: "t", domain: "new", scores: ["m": 1], costs: ["m": 0])
            let reply = try await harness.client.call(Scorer.import, ImportRequest(evaluations: [corrected]))
            #expect(reply.unchanged == 1)
        }
    }
}
