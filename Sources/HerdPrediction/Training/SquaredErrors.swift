/// Squared errors of predicted scores, one pair of numbers per row: what all models share and what sets them apart.
///
/// Their sum is the mean squared error over the row's models. Routing depends on the second part only.
struct SquaredErrors {
    /// Of the mean over the models that were run.
    var common: [Double]
    /// Mean over those models of the error less the row's mean error.
    var specific: [Double]

    init(count: Int) {
        common = [Double](repeating: 0, count: count)
        specific = common
    }

    /// What all models share and what sets them apart together.
    var total: [Double] { zip(common, specific).map { $0 + $1 } }

    /// Measures predicted scores, one row for each of `rows`.
    mutating func measure(scores: DenseMatrix<Float>, rows: [Int], table: TrainingTable) {
        let models = table.modelCount
        for (position, row) in rows.enumerated() {
            var sum = 0.0
            var squares = 0.0
            var count = 0.0
            for model in 0..<models {
                let score = table.scores.values[row * models + model]
                if score.isNaN { continue }
                let error = Double(score - scores.values[position * models + model])
                sum += error
                squares += error * error
                count += 1
            }
            let mean = sum / max(1, count)
            common[row] = mean * mean
            specific[row] = max(0, squares / max(1, count) - mean * mean)
        }
    }

    /// The weighted mean of per-row values.
    static func mean(_ values: [Double], _ table: TrainingTable) -> Double {
        var sum = 0.0
        for (value, weight) in zip(values, table.weights) { sum += value * Double(weight) }
        return sum / Double(max(1, values.count))
    }

    /// Whether `candidate` is lower than `standard` by more than one standard error of the mean difference.
    static func isClearlyLower(_ candidate: [Double], than standard: [Double], _ table: TrainingTable) -> Bool {
        let count = Double(candidate.count)
        guard count > 1 else { return false }
        var sum = 0.0
        var squares = 0.0
        for index in candidate.indices {
            let gain = (standard[index] - candidate[index]) * Double(table.weights[index])
            sum += gain
            squares += gain * gain
        }
        let variance = (squares - sum * sum / count) / (count - 1)
        return sum / count > (max(0, variance) / count).squareRoot()
    }
}
