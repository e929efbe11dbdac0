import Foundation
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

    /// Flips a bit in every place where a text stands in the scorer's store.
    private func damage(_ text: String, in harness: ScorerHarness) throws {
        let file = harness.folder.appending(path: "scorer/data.mdb")
        let data = try Data(contentsOf: file, options: .uncached)
        let handle = try FileHandle(forUpdating: file)
        var places = 0
        var start = data.startIndex
        while let range = data.range(of: Data(text.utf8), in: start..<data.endIndex) {
            try handle.seek(toOffset: UInt64(range.lowerBound))
            try handle.write(contentsOf: [data[range.lowerBound] ^ 1])
            places += 1
            start = range.upperBound
        }
        try handle.close()
        try #require(places > 0)
    }

    @Test(arguments: [true, false]) func aDamagedQuestionIsKnownByItsEvaluation(isAnother: Bool) async throws {
        try await ScorerHarness.run(models: [ScorerHarness.model("m")], script: { _, _ in ("a0", 0) }) { harness in
            var items = SuiteItem.several(1)
            items[0].reference = "zebra-reference-77"
            try await harness.put(items)
            #expect(try await harness.evaluate().last?.summaries.map(\.score) == [0])
            try damage("zebra-reference-77", in: harness)
            await expectFailure(.alreadyExists) { try await harness.put(items) }
            items[0].reference = "a0"
            if isAnother { items[0].prompt = "another question" }
            try await harness.put(items, replace: true)
            // Another question leaves no score of the old one behind; the same one keeps its answer, graded anew.
            #expect(try await evaluations(harness) == (isAnother ? 0 : 1))
            #expect(try await harness.evaluate().last?.summaries.map(\.score) == [1])
            #expect(await harness.router.book.total == (isAnother ? 2 : 1))
        }
    }
}
