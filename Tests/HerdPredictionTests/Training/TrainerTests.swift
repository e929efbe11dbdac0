import HerdPrediction
import Testing

@Suite("Training")
struct TrainerTests {
    @Test("learns which model is best for which kind of prompt")
    func learns() throws {
        let predictor = try Trainer.train(rows: SyntheticRows().make(), models: ["a", "b", "c"])
        #expect(predictor.models == ["a", "b", "c"])
        #expect(predictor.topics == ["t0", "t1", "t2"])
        var hits = 0
        let unseen = SyntheticRows(seed: 99).make()
        for (index, row) in unseen.enumerated() {
            let prediction = predictor.predict(row.embedding, promptTokens: row.promptTokens)
            #expect(prediction.qualities.count == 3)
            #expect(prediction.qualities.allSatisfy { (0...1).contains($0) })
            #expect((0...1).contains(prediction.prior) && (0...1).contains(prediction.topicProbability))
            #expect(prediction.expectedCosts.isEmpty)
            let best = prediction.qualities.indices.max { prediction.qualities[$0] < prediction.qualities[$1] }
            hits += best == index % 3 ? 1 : 0
        }
        #expect(hits > 290, "\(hits) of 300")
    }

    @Test("gives the same bytes for the same seed")
    func isDeterministic() throws {
        let rows = SyntheticRows(count: 400, missing: 0.2, hasCosts: true).make()
        let options = TrainingOptions(seed: 7, embeddingChecksum: "sum")
        let first = try Trainer.train(rows: rows, models: ["a", "b", "c"], options: options)
        let second = try Trainer.train(rows: rows, models: ["a", "b", "c"], options: options)
        #expect(first.serialized() == second.serialized())
        #expect(first.version == second.version)
        let other = try Trainer.train(rows: rows, models: ["a", "b", "c"], options: TrainingOptions(seed: 8))
        #expect(other.version != first.version)
        #expect(first.card.seed == 7 && first.card.rows <= 400 && first.embeddingChecksum == "sum")
        #expect(first.card.figure("cv.ece") != nil)
    }

    @Test("expects a prompt far shorter than those measured to cost something")
    func shortPromptsAreNotFree() throws {
        // Costs that rise faster than in proportion: a line through them is negative at the start.
        var rows = SyntheticRows(count: 200, hasCosts: true).make()
        for index in rows.indices {
            rows[index].promptTokens = 400 + index
            rows[index].costs = rows[index].costs.map { _ in Float(index + 20) * 1e-5 }
        }
        let predictor = try Trainer.train(rows: rows, models: ["a", "b", "c"])
        let costs = predictor.predict(rows[0].embedding, promptTokens: 5).expectedCosts
        #expect(costs.allSatisfy { $0 > 0 })
    }

    @Test("expects the measured costs, linear in the prompt's tokens")
    func costs() throws {
        let rows = SyntheticRows(hasCosts: true).make()
        let predictor = try Trainer.train(rows: rows, models: ["a", "b", "c"])
        for tokens in [0, 50, 1000] {
            let costs = predictor.predict(rows[0].embedding, promptTokens: tokens).expectedCosts
            for (model, cost) in costs.enumerated() {
                let wanted = Float(tokens) * 1e-6 * Float(model + 1) + 1e-4
                #expect(abs(cost - wanted) < 1e-6)
            }
        }
    }

    @Test("knows no cost of a model without measured ones")
    func partialCosts() throws {
        let rows = SyntheticRows(hasCosts: true).make().map { row in
            var row = row
            row.costs[1] = .nan
            return row
        }
        let predictor = try Trainer.train(rows: rows, models: ["a", "b", "c"])
        let restored = try Predictor(serialized: predictor.serialized())
        let costs = restored.predict(rows[0].embedding, promptTokens: 10).expectedCosts
        #expect(costs[0].isFinite && costs[1].isNaN && costs[2].isFinite)
    }

    @Test(
        "takes data of every odd shape",
        arguments: [
            SyntheticRows(count: 1), SyntheticRows(count: 2, models: ["only"]), SyntheticRows(count: 19),
            SyntheticRows(count: 50, models: ["a", "b"]), SyntheticRows(count: 60, tasks: ["one"]),
            SyntheticRows(count: 300, tasks: ["one"]), SyntheticRows(count: 200, tasks: (0..<200).map { "t\($0)" }),
            SyntheticRows(count: 700, tasks: (0..<350).map { "t\($0)" }), SyntheticRows(count: 80, missing: 0.7),
            SyntheticRows(count: 120, width: 1), SyntheticRows(count: 40, models: (0..<1000).map { "m\($0)" }),
        ])
    func oddShapes(_ shape: SyntheticRows) throws {
        let rows = shape.make()
        let predictor = try Trainer.train(rows: rows, models: shape.models)
        #expect(predictor.topics.count <= 256)
        for row in rows.prefix(10) {
            let prediction = predictor.predict(row.embedding, promptTokens: 5)
            #expect(prediction.qualities.count == shape.models.count)
            #expect(prediction.qualities.allSatisfy { (0...1).contains($0) })
        }
        #expect(try Predictor(serialized: predictor.serialized()).version == predictor.version)
    }

    @Test("stays calm on constant scores", arguments: [Float(0), 0.5, 1])
    func constantScores(_ score: Float) throws {
        let rows = SyntheticRows().make().map { row in
            var row = row
            row.scores = [score, score, score]
            return row
        }
        let predictor = try Trainer.train(rows: rows, models: ["a", "b", "c"])
        let prediction = predictor.predict(rows[0].embedding, promptTokens: 5)
        #expect(prediction.qualities.allSatisfy { abs($0 - score) < 0.05 })
        #expect(abs(prediction.prior - score) < 0.05)
    }

    @Test("takes prompts without tokens")
    func emptyEmbedding() throws {
        let rows = SyntheticRows().make().map { row in
            var row = row
            row.embedding.whole = [Float](repeating: 0, count: 16)
            row.embedding.tail = row.embedding.whole
            return row
        }
        let predictor = try Trainer.train(rows: rows, models: ["a", "b", "c"])
        #expect(predictor.predict(rows[0].embedding, promptTokens: 0).qualities.allSatisfy { $0.isFinite })
    }

    @Test("files subjects as topics, rare ones under their task")
    func domains() throws {
        var rows = SyntheticRows(count: 300, tasks: ["exam", "quiz", "chat"]).make()
        for index in rows.indices where rows[index].task != "chat" {
            rows[index].domain = index < 9 ? "rare" : index % 2 == 0 ? "law" : "art of \(rows[index].task)"
        }
        let predictor = try Trainer.train(rows: rows, models: ["a", "b", "c"])
        #expect(
            predictor.topics == ["art of exam", "art of quiz", "chat", "exam", "exam/law", "quiz", "quiz/law"])
        #expect(predictor.card.topicRows.reduce(0, +) == 300)
    }

    @Test("makes clusters where no label tells rows apart")
    func clusters() throws {
        let predictor = try Trainer.train(
            rows: SyntheticRows(count: 1000, tasks: ["one"]).make(), models: ["a", "b", "c"])
        #expect(predictor.topics.count > 4 && predictor.topics.count <= 20)
        #expect(predictor.topics.first == "cluster 01")
    }

    @Test("obeys settings that are given")
    func givenSettings() throws {
        let options = TrainingOptions(
            topicInverseRegularisation: 3, specificRidge: 55, commonRidge: 44, usesTail: true)
        let settings = try Trainer.train(rows: SyntheticRows().make(), models: ["a", "b", "c"], options: options)
            .card.settings
        #expect(settings.topicInverseRegularisation == 3 && settings.usesTail)
        #expect(settings.specificRidge == 55 && settings.commonRidge == 44)
    }

    @Test("reports progress to the end and stops when told to")
    func progress() throws {
        var reports: [TrainingProgress] = []
        _ = try Trainer.train(rows: SyntheticRows().make(), models: ["a", "b", "c"]) { reports.append($0) }
        let last = try #require(reports.last)
        #expect(last.phase == .fitting && last.done == last.total)
        #expect(zip(reports.dropFirst(2), reports.dropFirst(1)).allSatisfy { $0.done >= $1.done })
        for stop in [1, 2, 5, reports.count - 1] {
            var count = 0
            #expect(throws: TrainingError.cancelled) {
                try Trainer.train(rows: SyntheticRows().make(), models: ["a", "b", "c"]) {
                    (_) throws(CancellationError) in
                    count += 1
                    if count == stop { throw CancellationError() }
                }
            }
        }
    }

    @Test("refuses rows that make no sense, naming them")
    func badRows() throws {
        func error(_ change: (inout TrainingRow) -> Void) -> TrainingError? {
            var rows = SyntheticRows(count: 30).make()
            change(&rows[7])
            do {
                _ = try Trainer.train(rows: rows, models: ["a", "b", "c"])
                return nil
            } catch {
                return error
            }
        }
        let changes: [(inout TrainingRow) -> Void] = [
            { $0.scores = [1, 0] }, { $0.scores[0] = 1.5 }, { $0.scores[0] = -.infinity }, { $0.costs = [1] },
            { $0.costs = [-1, 0, 0] }, { $0.embedding.whole[0] = .nan }, { $0.embedding.whole = [1] },
            { $0.embedding.tail[0] = .infinity }, { $0.embedding.whole = [] },
        ]
        for change in changes {
            guard case .invalidRow(id: "row 7", reason: _) = error(change) else {
                Issue.record("a bad row was taken")
                continue
            }
        }
        let rows = SyntheticRows(count: 30).make()
        #expect(throws: TrainingError.noModels) { try Trainer.train(rows: rows, models: []) }
        #expect(throws: TrainingError.noRows) { try Trainer.train(rows: [], models: ["a"]) }
        let unscored = rows.map { row in
            var row = row
            row.scores[2] = .nan
            return row
        }
        #expect(throws: TrainingError.modelWithoutScores("c")) {
            try Trainer.train(rows: unscored, models: ["a", "b", "c"])
        }
        #expect(throws: TrainingError.self) {
            try Trainer.train(rows: rows, models: ["a", "b", "c"], options: TrainingOptions(specificRidge: .nan))
        }
        #expect(throws: TrainingError.self) { try Trainer.train(rows: rows, models: ["a", "b", "b"]) }
    }
}

extension SyntheticRows: CustomTestStringConvertible {
    var testDescription: String {
        "\(count) rows, \(models.count) models, \(tasks.count) tasks, width \(width), missing \(missing)"
    }
}
