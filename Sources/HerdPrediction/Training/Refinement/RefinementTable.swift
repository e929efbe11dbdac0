/// What rounds of refinement did to the training rows, as numbers; columns are a model's rounds, model after model.
struct RefinementTable {
    /// Rounds per model, 1 to `TrainingRow.mostRounds`.
    let rounds: Int
    /// One row per prompt: the score after so many rounds less the score before any; NaN where not measured.
    let gains: DenseMatrix<Float>
    /// One row per prompt: US dollars of so many rounds together, NaN where not measured; no rows without any.
    let costs: DenseMatrix<Float>

    /// - Returns: nil where no row has a score before and after refinement of one model.
    init?(rows: [TrainingRow], models: Int) {
        var rounds = 0
        for row in rows {
            for (score, refined) in zip(row.scores, row.refined) where !score.isNaN {
                rounds = max(rounds, min(TrainingRow.mostRounds, refined.count))
            }
        }
        guard rounds > 0 else { return nil }
        let width = models * rounds
        var gains = [Float](repeating: .nan, count: rows.count * width)
        var costs = gains
        var hasCosts = false
        for (index, row) in rows.enumerated() {
            for (model, refined) in row.refined.enumerated() where !row.scores[model].isNaN {
                let place = index * width + model * rounds
                for (round, score) in refined.prefix(rounds).enumerated() {
                    gains[place + round] = score - row.scores[model]
                }
            }
            for (model, roundCosts) in row.refinedCosts.enumerated() {
                let place = index * width + model * rounds
                var sum: Float = 0
                for (round, cost) in roundCosts.prefix(rounds).enumerated() {
                    // NaN stays NaN for all rounds after it.
                    sum += cost
                    costs[place + round] = sum
                    hasCosts = hasCosts || !sum.isNaN
                }
            }
        }
        self.rounds = rounds
        self.gains = DenseMatrix(rows: rows.count, columns: width, values: gains)
        self.costs = DenseMatrix(rows: hasCosts ? rows.count : 0, columns: width, values: hasCosts ? costs : [])
    }
}
