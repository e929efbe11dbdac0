/// How well a router spends the calls of the stronger of two models, as RouteLLM defines it (arXiv 2406.18665 and its
/// evaluation code).
///
/// The router's score of a row is the predicted quality of the strong model less that of the weak one. Eleven thresholds,
/// the 0 %, 10 % ... 100 % quantiles of the scores, give eleven points (share of strong calls, accuracy); a row goes to
/// the strong model where its score reaches the threshold, for the last threshold where it exceeds it.
package struct PairReport: Sendable, Equatable {
    /// Average performance gap recovered: the area under the points between weak (0) and strong (1).
    package var apgr: Double
    /// Smallest share of strong calls, 0..1, at which half of the gap is recovered, interpolated linearly.
    package var cpt50: Double
    /// The same for 80 % of the gap.
    package var cpt80: Double

    /// - Returns: nil where there are no rows or the strong model is no better than the weak one: there is no gap.
    package init?(_ rows: [BacktestRow], strong: Int, weak: Int) {
        guard !rows.isEmpty else { return nil }
        let total = Double(rows.count)
        let strongAccuracy = rows.reduce(0) { $0 + $1.scores[strong] } / total
        let weakAccuracy = rows.reduce(0) { $0 + $1.scores[weak] } / total
        guard strongAccuracy > weakAccuracy else { return nil }

        let scores = rows.map { $0.qualities[strong] - $0.qualities[weak] }
        let sorted = scores.sorted()
        var points: [(share: Double, gap: Double)] = []
        for step in 0...10 {
            let threshold = Self.quantile(sorted, Double(step) / 10)
            var calls = 0.0
            var sum = 0.0
            for (row, score) in zip(rows, scores) {
                let isStrong = step < 10 ? score >= threshold : score > threshold
                calls += isStrong ? 1 : 0
                sum += row.scores[isStrong ? strong : weak]
            }
            points.append((calls / total, (sum / total - weakAccuracy) / (strongAccuracy - weakAccuracy)))
        }
        points.reverse()

        var area = 0.0
        for (left, right) in zip(points, points.dropFirst()) {
            area += (right.share - left.share) * (left.gap + right.gap) / 2
        }
        let width = (points.last?.share ?? 0) - (points.first?.share ?? 0)
        apgr = width > 0 ? area / width : 0
        cpt50 = Self.share(points, at: 0.5)
        cpt80 = Self.share(points, at: 0.8)
    }

    /// The quantile of sorted values by linear interpolation between the two nearest.
    private static func quantile(_ sorted: [Double], _ share: Double) -> Double {
        let position = share * Double(sorted.count - 1)
        let lower = min(sorted.count - 1, Int(position))
        let upper = min(sorted.count - 1, lower + 1)
        // With equal ends the difference is exactly zero, so ties stay ties.
        return sorted[lower] + (sorted[upper] - sorted[lower]) * (position - Double(lower))
    }

    /// The smallest share of calls at which the points, joined by lines, reach `gap`.
    private static func share(_ points: [(share: Double, gap: Double)], at gap: Double) -> Double {
        guard let first = points.first, first.gap < gap else { return points.first?.share ?? 0 }
        for (left, right) in zip(points, points.dropFirst()) where right.gap >= gap {
            return left.share + (right.share - left.share) * (gap - left.gap) / (right.gap - left.gap)
        }
        return 1
    }
}
