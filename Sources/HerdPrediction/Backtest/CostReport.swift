/// What routing costs for what it gains, over a grid of prices of a dollar in quality.
///
/// For each lambda of the grid every row goes to `argmax quality - lambda * expected cost`; accuracy and cost are then the
/// measured ones. The points' upper hull (concave and non-decreasing, as in RouterBench, arXiv 2403.12031) is what a
/// router that mixes two lambdas reaches.
package struct CostReport: Sendable, Equatable {
    /// Average improvement in quality: mean accuracy, 0..1, of the hull from the cheapest model's mean cost to the
    /// reference's; nil where the reference costs no more than the cheapest model.
    package var aiq: Double?
    /// Share of the reference's cost that is saved at its accuracy, negative where it takes more; nil where the herd does
    /// not reach it.
    package var savedAtReference: Double?
    /// The hull's accuracy, 0..1, at the reference's mean cost.
    package var accuracyAtReferenceCost: Double

    /// - Parameters:
    ///   - rows: those without costs of the whole herd and the reference are left out.
    ///   - reference: position in the herd of the reference where the rows name none.
    /// - Returns: nil where no row has all costs.
    package init?(_ rows: [BacktestRow], reference: Int) {
        var priced: [(row: BacktestRow, referenceScore: Double, referenceCost: Double)] = []
        for row in rows {
            guard row.costs.count == row.scores.count, row.expectedCosts.count == row.scores.count else { continue }
            let cost = row.referenceScore == nil ? row.costs[reference] : row.referenceCost ?? .nan
            guard cost.isFinite, (row.costs + row.expectedCosts).allSatisfy(\.isFinite) else { continue }
            priced.append((row, row.referenceScore ?? row.scores[reference], cost))
        }
        guard let first = priced.first else { return nil }
        let total = Double(priced.count)
        let referenceAccuracy = priced.reduce(0) { $0 + $1.referenceScore } / total
        let referenceCost = priced.reduce(0) { $0 + $1.referenceCost } / total

        let models = first.row.scores.indices
        let singles = models.map { model in
            HullPoint(
                cost: priced.reduce(0) { $0 + $1.row.costs[model] } / total,
                accuracy: priced.reduce(0) { $0 + $1.row.scores[model] } / total)
        }
        guard let cheapest = singles.min(by: { ($0.cost, -$0.accuracy) < ($1.cost, -$1.accuracy) }) else { return nil }
        // The cheapest model alone is the limit of a dollar priced without bound.
        var points = [cheapest]
        for lambda in Self.grid(typicalCost: max(referenceCost, singles.map(\.cost).max() ?? 0)) {
            var cost = 0.0
            var accuracy = 0.0
            for (row, _, _) in priced {
                let choice = models.map { row.qualities[$0] - lambda * row.expectedCosts[$0] }.firstIndexOfMaximum
                cost += row.costs[choice]
                accuracy += row.scores[choice]
            }
            points.append(HullPoint(cost: cost / total, accuracy: accuracy / total))
        }

        let hull = UpperHull(points)
        accuracyAtReferenceCost = hull.accuracy(atCost: max(referenceCost, cheapest.cost))
        if let cost = hull.cost(reaching: referenceAccuracy), referenceCost > 0 {
            savedAtReference = 1 - max(cost, 0) / referenceCost
        }
        if referenceCost > cheapest.cost {
            aiq = hull.meanAccuracy(from: cheapest.cost, to: referenceCost)
        }
    }

    /// Zero, then eight lambdas per decade around the one at which a typical answer costs one whole quality point.
    private static func grid(typicalCost: Double) -> [Double] {
        guard typicalCost > 0 else { return [0] }
        var lambdas = [0.0]
        var lambda = 1e-3 / typicalCost
        // The eighth root of ten.
        let step = 1.333521432163324
        for _ in 0...56 {
            lambdas.append(lambda)
            lambda *= step
        }
        return lambdas
    }
}
