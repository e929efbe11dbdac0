/// A herd against one reference model (Herd, arXiv 2310.19902).
package struct ReferenceReport: Sendable, Equatable {
    /// A reference score under this is a failure.
    package static let failureBelow = 0.9
    /// A herd model's score over this is right.
    package static let rightAbove = 0.95

    /// Mean score of the reference, 0..1.
    package var accuracy: Double
    /// Mean score of the models routed to, 0..1.
    package var herdAccuracy: Double
    /// Rows the reference fails on.
    package var failures: Int
    /// Share of the failures that some model of the herd gets right; nil without failures.
    package var someModelRight: Double?
    /// Share of the failures that the model routed to gets right; nil without failures.
    package var routerRight: Double?
    /// Mean total parameters, in billions, of the models routed to; nil where those of one of them are not known.
    package var meanParametersB: Double?

    /// - Parameter parametersB: billions of parameters in the herd's order; nil where not known.
    /// - Returns: nil where no row has a score of the reference.
    package init?(_ rows: [BacktestRow], parametersB: [Double?]) {
        var total = 0.0
        var parameters: Double? = 0
        var some = 0.0
        var router = 0.0
        accuracy = 0
        herdAccuracy = 0
        failures = 0
        for row in rows {
            guard let reference = row.referenceScore else { continue }
            let chosen = row.chosen
            total += 1
            accuracy += reference
            herdAccuracy += row.scores[chosen]
            if let sum = parameters, chosen < parametersB.count, let value = parametersB[chosen] {
                parameters = sum + value
            } else {
                parameters = nil
            }
            if reference < Self.failureBelow {
                failures += 1
                some += row.scores.contains { $0 > Self.rightAbove } ? 1 : 0
                router += row.scores[chosen] > Self.rightAbove ? 1 : 0
            }
        }
        guard total > 0 else { return nil }
        accuracy /= total
        herdAccuracy /= total
        meanParametersB = parameters.map { $0 / total }
        if failures > 0 {
            someModelRight = some / Double(failures)
            routerRight = router / Double(failures)
        }
    }
}
