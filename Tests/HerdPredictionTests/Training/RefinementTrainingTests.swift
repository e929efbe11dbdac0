import HerdPrediction
import Testing

@Suite("Training on refined rows")
struct RefinementTrainingTests {
    private func train(_ rows: [TrainingRow], seed: UInt64 = 1) throws -> Predictor {
        try Trainer.train(rows: rows, models: RefinedRows.models, options: TrainingOptions(seed: seed))
    }

    @Test("learns gains of both signs, and what rounds cost")
    func bothSigns() throws {
        let rows = RefinedRows().make()
        let predictor = try train(rows)
        #expect(predictor.topics == ["bad", "good"] && predictor.rounds == 2)
        #expect(predictor.card.figure("cv.models_refined") == 1)
        #expect(predictor.card.figure("cv.refinement_gain") ?? 0 > 0.1)
        for row in rows {
            let prediction = predictor.predict(row.embedding, promptTokens: row.promptTokens)
            #expect(prediction.gains.count == 6 && prediction.roundCosts.count == 6)
            #expect(row.task == "good" ? prediction.gains[0] > 0.1 : prediction.gains[0] < -0.1)
            #expect(prediction.gains[0] == prediction.gains[1])
            #expect(prediction.gains[2] == 0, "no effect at all")
            #expect(prediction.gains[3...].allSatisfy { $0.isNaN }, "never measured")
            #expect(abs(prediction.roundCosts[0] - 0.25) < 1e-5 && abs(prediction.roundCosts[1] - 0.75) < 1e-5)
            #expect(prediction.roundCosts[2...].allSatisfy { $0.isNaN })
        }
    }

    @Test("gives the same bytes for the same rows, and the same scores as without refinement")
    func isDeterministic() throws {
        let rows = RefinedRows().make()
        let predictor = try train(rows)
        #expect(try train(rows).serialized() == predictor.serialized())
        let bare = try train(
            rows.map { row in
                var row = row
                row.refined = []
                row.refinedCosts = []
                return row
            })
        #expect(bare.rounds == 0 && bare.serialized()[8] == 1 && bare.card.figure("cv.models_refined") == nil)
        for row in rows.prefix(20) {
            let (with, without) = (
                predictor.predict(row.embedding, promptTokens: 7), bare.predict(row.embedding, promptTokens: 7)
            )
            #expect(with.qualities == without.qualities && with.expectedCosts == without.expectedCosts)
        }
    }

    /// One topic, in which all rows of model "a" gain or lose: what is handed out can be computed by hand.
    @Test("draws means towards zero", arguments: [20, 50, 90])
    func shrinkage(count: Int) throws {
        var rows = SyntheticRows(count: count, tasks: ["one"], width: 4).make()
        for index in rows.indices {
            rows[index].scores = [0.25, 0.5, 0.5]
            rows[index].refined = [[0.75], [0.25], []]
        }
        let predictor = try train(rows)
        #expect(predictor.topics == ["one"])
        let gains = predictor.predict(rows[0].embedding, promptTokens: 3).gains
        // (sum + 10 * overall) / (n + 10) with overall = sum / (n + 10).
        func shrunken(_ gain: Double) -> Double {
            let (sum, total) = (gain * Double(count), Double(count) + 10)
            return (sum + 10 * sum / total) / total
        }
        #expect(abs(Double(gains[0]) - shrunken(0.5)) < 1e-6)
        #expect(abs(Double(gains[1]) - shrunken(-0.25)) < 1e-6)
        #expect(gains[2].isNaN)
    }

    @Test("is not impressed by a few lucky rows")
    func luckyRows() throws {
        var rows = RefinedRows().make()
        for index in rows.indices {
            rows[index].refined = []
            rows[index].refinedCosts = []
        }
        for index in 0..<4 {
            rows[index].scores[0] = 0
            rows[index].refined = [[1, 1], [], []]
        }
        let predictor = try train(rows)
        #expect(predictor.rounds == 2 && predictor.card.figure("cv.models_refined") == 0)
        for row in rows { #expect(predictor.predict(row.embedding, promptTokens: 1).gains[0] <= 0) }
    }

    /// Scores after refinement that have nothing to do with it: whatever was lucky must not be chosen often.
    @Test("believes in few gains that are chance", arguments: 0..<3 as Range<UInt64>)
    func chance(part: UInt64) throws {
        var refined = 0
        for seed in (part * 10)..<(part * 10 + 10) {
            var generator = SeededGenerator(seed: seed + 500)
            var rows = SyntheticRows(count: 240, tasks: ["s", "t", "u", "v"], width: 4, seed: seed).make()
            for index in rows.indices {
                // Half of the drafts are right, and as many turn right as turn wrong.
                rows[index].scores = (0..<3).map { _ in Float(generator.below(2)) }
                rows[index].refined = rows[index].scores.map { score in
                    (0..<2).map { _ in generator.below(5) == 0 ? Float(generator.below(2)) : score }
                }
            }
            let predictor = try train(rows, seed: seed)
            refined += Int(predictor.card.figure("cv.models_refined") ?? 0)
        }
        // Thirty models; about one in forty passes by chance.
        print("chance, part \(part): \(refined) of 30 models")
        #expect(refined <= 4)
    }

    @Test("passes over rounds beyond the fifth and answers without a draft's score")
    func oddRounds() throws {
        var rows = RefinedRows().make()
        for index in rows.indices {
            rows[index].refined[0] = [Float](repeating: 1, count: 64)
            rows[index].refinedCosts = []
            if index > 0 { rows[index].scores[1] = .nan }
        }
        let predictor = try train(rows)
        #expect(predictor.rounds == 5)
        let prediction = predictor.predict(rows[0].embedding, promptTokens: 1)
        #expect(prediction.gains.count == 15 && prediction.roundCosts.isEmpty)
        #expect(prediction.gains[5] == 0 && prediction.gains[6].isNaN)
        for index in rows.indices { rows[index].refined = [[], [], []] }
        #expect(try train(rows).rounds == 0)
    }

    @Test("works on a handful of rows")
    func fewRows() throws {
        for count in [1, 2, 7, 19] {
            let rows = RefinedRows(count: count).make()
            let predictor = try train(rows)
            let prediction = predictor.predict(rows[0].embedding, promptTokens: 1)
            #expect(prediction.gains[..<2].allSatisfy { abs($0) <= 1 })
        }
    }

    @Test("refuses refined scores that make no sense, naming the row")
    func badRows() throws {
        let changes: [(inout TrainingRow) -> Void] = [
            { $0.refined = [[1]] }, { $0.refined[0] = [1.5] }, { $0.refined[0] = [.nan] },
            { $0.refined[2] = [-0.1] }, { $0.refinedCosts = [[1]] }, { $0.refinedCosts[0] = [-1] },
            { $0.refinedCosts[0] = [.infinity] },
        ]
        for change in changes {
            var rows = RefinedRows(count: 30).make()
            change(&rows[7])
            let error = #expect(throws: TrainingError.self) { try train(rows) }
            guard case .invalidRow(id: "row 7", reason: _)? = error else {
                Issue.record("a bad row was taken: \(String(describing: error))")
                continue
            }
        }
    }
}
