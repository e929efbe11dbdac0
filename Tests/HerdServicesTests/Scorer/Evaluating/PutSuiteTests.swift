import HerdClient
import HerdFrames
import HerdMessages
import Testing

@Suite struct PutSuiteTests {
    @Test func puttingAgainChangesNothing() async throws {
        try await ScorerHarness.run(script: { _, _ in ("", 0) }) { harness in
            let first = try await harness.put(SuiteItem.several(3))
            #expect(first == PutSuiteResponse(added: 3, total: 3))
            let second = try await harness.put(SuiteItem.several(4))
            #expect(second == PutSuiteResponse(added: 1, unchanged: 3, total: 4))
            let other = [SuiteItem(id: "new", prompt: "p", task: "t"), SuiteItem(id: "q0", prompt: "p", task: "t")]
            let message = await expectFailure(.alreadyExists) { try await harness.put(other) }
            #expect(message.contains("'q0'"))
            let replaced = try await harness.put(other, replace: true)
            #expect(replaced == PutSuiteResponse(added: 1, replaced: 1, total: 5))
            let reply = try await harness.client.call(
                Scorer.putSuite, PutSuiteRequest(suite: "s2", items: SuiteItem.several(1)))
            #expect(reply == PutSuiteResponse(added: 1, total: 1))
        }
    }

    @Test func wrongQuestionsAreRefusedByPlaceAndField() async throws {
        func changed(_ change: (inout SuiteItem) -> Void) -> SuiteItem {
            var item = SuiteItem(id: "b", prompt: "p", task: "t", reference: "r")
            change(&item)
            return item
        }
        let wrong: [(String, SuiteItem)] = [
            ("items[1].id", changed { $0.id = "" }), ("items[1].id", changed { $0.id = "q0" }),
            ("items[1].id", changed { $0.id = String(repeating: "x", count: 201) }),
            ("items[1].prompt", changed { $0.prompt = " \n" }), ("items[1].task", changed { $0.task = "a\u{1}" }),
            ("items[1].grader", changed { $0.grader = Grader(kind: "none") }),
            ("items[1].grader", changed { $0.grader = Grader(kind: "regex", pattern: "[") }),
            (
                "items[1] 'b'",
                changed {
                    $0.reference = ""
                    $0.grader = Grader(kind: "f1")
                }
            ),
            ("items[1].references", changed { $0.references = [String(repeating: "x", count: 1 << 18)] }),
        ]
        try await ScorerHarness.run(script: { _, _ in ("", 0) }) { harness in
            for (field, item) in wrong {
                let message = await expectFailure(.invalidArgument) {
                    try await harness.put(SuiteItem.several(1) + [item])
                }
                #expect(message.contains(field), "\(message)")
            }
            let long = await expectFailure(.invalidArgument) {
                _ = try await harness.client.call(
                    Scorer.putSuite, PutSuiteRequest(suite: String(repeating: "s", count: 101)))
            }
            #expect(long.contains("suite"))
            let nothing = try await harness.put([])
            #expect(nothing.total == 0)
        }
    }
}
