import HerdClient
import HerdFrames
import HerdMessages
import Testing

@Suite struct ImportTests {
    let row = Evaluation(id: "a", prompt: "1 + 1?", task: "math", scores: ["x": 1, "y": 0.5], costs: ["x": 0.001])

    @Test func importingAgainChangesNothing() async throws {
        try await withTestHerd { herd in
            let request = ImportRequest(evaluations: [row])
            let found12 = try await herd.call(Scorer.import, request)
            #expect(found12 == ImportResponse(added: 1, total: 1))
            let found13 = try await herd.call(Scorer.import, request)
            #expect(found13 == ImportResponse(unchanged: 1, total: 1))
        }
    }

    @Test func otherContentNeedsReplaceAndTheWholeCallIsUndone() async throws {
        try await withTestHerd { herd in
            _ = try await herd.call(Scorer.import, ImportRequest(evaluations: [row]))
            var other = row
            other.scores["y"] = 0
            var new = row
            new.id = "b"
            let message = await expectFailure(.alreadyExists) {
                _ = try await herd.call(Scorer.import, ImportRequest(evaluations: [new, other]))
            }
            #expect(message.contains("'a'"))
            let found14 = try await herd.status(herd.scorer).figures["evaluations"]
            #expect(found14 == 1)
            let replaced = try await herd.call(
                Scorer.import, ImportRequest(evaluations: [new, other], replace: true))
            #expect(replaced == ImportResponse(added: 1, replaced: 1, total: 2))
        }
    }

    @Test func wrongRowsAreRefusedByPlaceAndField() async throws {
        func changed(_ change: (inout Evaluation) -> Void) -> Evaluation {
            var row = row
            row.id = "b"
            change(&row)
            return row
        }
        let wrong: [(String, Evaluation)] = [
            ("evaluations[1].id", changed { $0.id = "" }),
            ("evaluations[1].id", changed { $0.id = String(repeating: "x", count: 401) }),
            ("evaluations[1].id", changed { $0.id = "a" }),
            ("evaluations[1].task", changed { $0.task = "" }),
            ("evaluations[1].scores", changed { $0.scores = [:] }),
            ("evaluations[1].scores['x']", changed { $0.scores["x"] = 1.1 }),
            ("evaluations[1].scores['x']", changed { $0.scores["x"] = .nan }),
            ("evaluations[1].costs['x']", changed { $0.costs["x"] = -1 }),
            ("evaluations[1].refined['x']", changed { $0.refined["x"] = Rounds(values: [2]) }),
        ]
        try await withTestHerd { herd in
            for (field, evaluation) in wrong {
                let message = await expectFailure(.invalidArgument) {
                    _ = try await herd.call(
                        Scorer.import, ImportRequest(evaluations: [row, evaluation]))
                }
                #expect(message.contains(field), "\(message)")
            }
            let found15 = try await herd.status(herd.scorer).figures["evaluations"]
            #expect(found15 == 0)
        }
    }

    @Test func whatIsSaidOfAModelWithoutAScoreIsLeftOut() async throws {
        try await withTestHerd { herd in
            var stray = row
            stray.costs["z"] = 1
            let first = try await herd.call(Scorer.import, ImportRequest(evaluations: [stray]))
            #expect(first.added == 1)
            let second = try await herd.call(Scorer.import, ImportRequest(evaluations: [row]))
            #expect(second.unchanged == 1)
        }
    }

    @Test func textsAreEmbedded() async throws {
        try await withTestHerd { herd in
            let reply = try await herd.call(Scorer.embed, EmbedRequest(texts: ["a sheep", "", "一只羊 🐑"]))
            #expect(reply.embeddings.map(\.values.count) == [256, 256, 256])
            #expect(reply.embeddings.map(\.tokens)[..<2] == [2, 0])
            let length = reply.embeddings[0].values.reduce(0) { $0 + $1 * $1 }
            #expect(abs(length - 1) < 1e-4)
            #expect(reply.embeddings[1].values.allSatisfy { $0 == 0 })
            await expectFailure(.invalidArgument) { _ = try await herd.call(Scorer.embed, EmbedRequest()) }
        }
    }
}
