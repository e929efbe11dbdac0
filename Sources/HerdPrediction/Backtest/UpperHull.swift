/// A mean cost in US dollars and the accuracy, 0..1, it buys.
struct HullPoint: Equatable {
    var cost: Double
    var accuracy: Double
}

/// The smallest concave, non-decreasing function over a set of points.
struct UpperHull {
    /// By rising cost and rising accuracy.
    private(set) var corners: [HullPoint] = []

    init(_ points: [HullPoint]) {
        for point in points.sorted(by: { ($0.cost, -$0.accuracy) < ($1.cost, -$1.accuracy) }) {
            if let last = corners.last, point.accuracy <= last.accuracy { continue }
            while corners.count >= 2 {
                let before = corners[corners.count - 2]
                let last = corners[corners.count - 1]
                let isBelow =
                    (last.accuracy - before.accuracy) * (point.cost - before.cost)
                    <= (point.accuracy - before.accuracy) * (last.cost - before.cost)
                guard isBelow else { break }
                corners.removeLast()
            }
            corners.append(point)
        }
    }

    /// Flat to the right of the last corner; the first corner's accuracy to the left of it.
    func accuracy(atCost cost: Double) -> Double {
        guard let first = corners.first, let last = corners.last else { return 0 }
        if cost <= first.cost { return first.accuracy }
        for (left, right) in zip(corners, corners.dropFirst()) where cost <= right.cost {
            return left.accuracy + (right.accuracy - left.accuracy) * (cost - left.cost) / (right.cost - left.cost)
        }
        return last.accuracy
    }

    /// The lowest cost at which `accuracy` is reached; nil where it never is.
    func cost(reaching accuracy: Double) -> Double? {
        guard let first = corners.first else { return nil }
        if accuracy <= first.accuracy { return first.cost }
        for (left, right) in zip(corners, corners.dropFirst()) where accuracy <= right.accuracy {
            return left.cost + (right.cost - left.cost) * (accuracy - left.accuracy) / (right.accuracy - left.accuracy)
        }
        return nil
    }

    /// The mean over the costs from `start` to a larger `end`.
    func meanAccuracy(from start: Double, to end: Double) -> Double {
        let inner = corners.map(\.cost).filter { $0 > start && $0 < end }
        let edges = [start] + inner + [end]
        var area = 0.0
        for (left, right) in zip(edges, edges.dropFirst()) {
            area += (right - left) * (accuracy(atCost: left) + accuracy(atCost: right)) / 2
        }
        return area / (end - start)
    }
}
