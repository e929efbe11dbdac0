/// How well predicted scores agree with measured ones, pooled over rows and models.
package struct CalibrationReport: Sendable, Equatable {
    /// Expected calibration error over ten equal bins of the predicted score (Naeini et al., AAAI 2015), 0..1.
    package var ece: Double
    /// Mean squared error of the predicted score (Brier 1950), 0..1.
    package var brier: Double

    /// - Returns: nil for no rows.
    package init?(_ rows: [BacktestRow]) {
        var count = [Double](repeating: 0, count: 10)
        var predicted = count
        var measured = count
        var squared = 0.0
        for row in rows {
            for (quality, score) in zip(row.qualities, row.scores) {
                let bin = min(9, max(0, Int(quality * 10)))
                count[bin] += 1
                predicted[bin] += quality
                measured[bin] += score
                squared += (quality - score) * (quality - score)
            }
        }
        let total = count.reduce(0, +)
        guard total > 0 else { return nil }
        ece = zip(predicted, measured).map { abs($0 - $1) }.reduce(0, +) / total
        brier = squared / total
    }
}
