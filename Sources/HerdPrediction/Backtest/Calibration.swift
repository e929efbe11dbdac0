/// How well predicted scores agree with measured ones, pooled over rows and models.
package struct CalibrationReport: Sendable, Equatable {
    /// Expected calibration error over ten equal bins of the predicted score (Naeini et al., AAAI 2015), 0..1.
    package var ece: Double
    /// Mean squared error of the predicted score (Brier 1950), 0..1.
    package var brier: Double

    package init(ece: Double, brier: Double) {
        self.ece = ece
        self.brier = brier
    }

    /// - Returns: nil for no rows.
    package init?(_ rows: [BacktestRow]) {
        var tally = CalibrationTally()
        for row in rows {
            for (quality, score) in zip(row.qualities, row.scores) { tally.add(quality: quality, score: score) }
        }
        guard let report = tally.report else { return nil }
        self = report
    }
}

/// Sums up pairs of predicted and measured scores.
struct CalibrationTally {
    private var count = [Double](repeating: 0, count: 10)
    private var predicted = [Double](repeating: 0, count: 10)
    private var measured = [Double](repeating: 0, count: 10)
    private var squared = 0.0

    /// - Parameter quality: the predicted score, 0..1.
    mutating func add(quality: Double, score: Double) {
        let bin = min(9, max(0, Int(quality * 10)))
        count[bin] += 1
        predicted[bin] += quality
        measured[bin] += score
        squared += (quality - score) * (quality - score)
    }

    /// Nil where nothing was added.
    var report: CalibrationReport? {
        let total = count.reduce(0, +)
        guard total > 0 else { return nil }
        return CalibrationReport(
            ece: zip(predicted, measured).map { abs($0 - $1) }.reduce(0, +) / total, brier: squared / total)
    }
}
