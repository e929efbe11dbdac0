/// How far each model's gains are to be trusted, chosen on held-out folds.
///
/// The largest of many noisy estimates is too large (the winner's curse), and refinement costs time and money even where it
/// does nothing. So the choice of rounds is replayed for each model alone, on rows that the gains were not learnt from:
/// with d the gain such a choice really brought (0 where it chose no round), a caution is worth
/// `sum d - 2.5 sqrt(sum d^2 + 0.25)`, the summed gain less 2.5 of its standard errors were there nothing to gain; the
/// 0.25 asks for at least seven wins. The folds share rows, so that the true errors are about half as large again: one model in
/// twenty without any gain passes. The caution worth most is taken; where none is worth more than nothing, no positive gain
/// of that model is believed.
struct RefinementCaution {
    /// Standard errors taken off a positive gain; the first of equals is chosen.
    static let candidates = [0.0, 1]
    /// Where there are too few rows to replay anything.
    static let unproven = 2.0
    static let refused = Double.infinity
    private static let evidence = 2.5

    /// One per model.
    let cautions: [Double]
    /// Mean gain over the held-out answers with measured refinement, at those cautions; nil where nothing was replayed.
    let meanGain: Double?

    /// Without folds.
    init(models: Int) {
        cautions = [Double](repeating: Self.unproven, count: models)
        meanGain = nil
    }

    /// - Parameter folds: the rows fitted, and what was held out.
    init(_ table: RefinementTable, labels: [Int], topics: Int, folds: [(fitted: [Int], heldOut: HeldOutFold)]) {
        let models = table.gains.columns / table.rounds
        var sums = [[Double]](repeating: [Double](repeating: 0, count: models), count: Self.candidates.count)
        var squares = sums
        var answers = 0.0
        for fold in folds {
            let gains = RefinementGains(table, rows: fold.fitted, labels: labels, topics: topics)
            for (index, caution) in Self.candidates.enumerated() {
                let trusted = gains.cautious([Double](repeating: caution, count: models))
                for (position, row) in fold.heldOut.rows.enumerated() {
                    for model in 0..<models {
                        guard
                            let gain = Self.realised(
                                table, row: row, model: model, trusted: trusted,
                                probabilities: fold.heldOut.probabilities, position: position)
                        else { continue }
                        sums[index][model] += gain
                        squares[index][model] += gain * gain
                        if index == 0 { answers += 1 }
                    }
                }
            }
        }
        var total = 0.0
        cautions = (0..<models).map { model in
            let worth = Self.candidates.indices.map { index in
                sums[index][model] - Self.evidence * (squares[index][model] + 0.25).squareRoot()
            }
            let best = worth.firstIndexOfMaximum
            guard worth[best] > 0 else { return Self.refused }
            total += sums[best][model]
            return Self.candidates[best]
        }
        meanGain = answers > 0 ? total / answers : nil
    }

    /// What the number of rounds chosen for one held-out answer really brought; nil where no round was measured.
    private static func realised(
        _ table: RefinementTable, row: Int, model: Int, trusted: DenseMatrix<Float>,
        probabilities: DenseMatrix<Float>, position: Int
    ) -> Double? {
        var best = 0.0
        var realised: Double?
        for round in 0..<table.rounds {
            let column = model * table.rounds + round
            let measured = Double(table.gains[row, column])
            if measured.isNaN { break }
            var expected = 0.0
            for topic in 0..<probabilities.columns {
                expected += Double(probabilities[position, topic]) * Double(trusted[column, topic])
            }
            if realised == nil { realised = 0 }
            if expected > best {
                best = expected
                realised = measured
            }
        }
        return realised
    }
}
