/// Minimises a smooth function by limited-memory BFGS (Nocedal and Wright, Numerical Optimization, algorithm 7.5) with a
/// backtracking line search.
struct LBFGS {
    /// How many past steps shape the next direction.
    var memory = 10
    var maximumIterations = 100
    /// Ends when a step lowers the function by less than this share of its value.
    var relativeTolerance = 1e-6

    /// - Parameters:
    ///   - point: where to start; holds the minimum found.
    ///   - evaluate: the function's value at a point; writes its gradient.
    mutating func minimise<Failure: Error>(
        _ point: inout [Double],
        _ evaluate: ([Double], inout [Double]) throws(Failure) -> Double
    ) throws(Failure) {
        let size = point.count
        var gradient = [Double](repeating: 0, count: size)
        var value = try evaluate(point, &gradient)
        var steps: [(move: [Double], change: [Double], curvature: Double)] = []
        var direction = gradient
        var trial = point
        var trialGradient = gradient

        for _ in 0..<maximumIterations {
            twoLoop(gradient, steps, &direction)
            var slope = 0.0
            for index in 0..<size { slope -= direction[index] * gradient[index] }
            if !(slope < 0) {
                if steps.isEmpty { return }
                steps.removeAll()
                continue
            }
            // The first step has no curvature to go by: keep it short.
            var length = steps.isEmpty ? min(1, 1 / (-slope).squareRoot()) : 1
            var trialValue = Double.infinity
            var halvings = 0
            while true {
                for index in 0..<size { trial[index] = point[index] - length * direction[index] }
                trialValue = try evaluate(trial, &trialGradient)
                if trialValue <= value + 1e-4 * length * slope { break }
                halvings += 1
                if halvings > 20 { return }
                length /= 2
            }
            var move = trial
            var change = trialGradient
            var curvature = 0.0
            for index in 0..<size {
                move[index] -= point[index]
                change[index] -= gradient[index]
                curvature += move[index] * change[index]
            }
            if curvature > 1e-300 {
                if steps.count == memory { steps.removeFirst() }
                steps.append((move, change, curvature))
            }
            let gain = value - trialValue
            swap(&point, &trial)
            swap(&gradient, &trialGradient)
            value = trialValue
            if gain <= relativeTolerance * max(abs(value), 1e-12) { return }
        }
    }

    /// Multiplies the gradient by the inverse Hessian that the past steps suggest.
    private func twoLoop(
        _ gradient: [Double], _ steps: [(move: [Double], change: [Double], curvature: Double)],
        _ direction: inout [Double]
    ) {
        direction = gradient
        var weights = [Double](repeating: 0, count: steps.count)
        for (index, step) in steps.enumerated().reversed() {
            var product = 0.0
            for place in direction.indices { product += step.move[place] * direction[place] }
            weights[index] = product / step.curvature
            for place in direction.indices { direction[place] -= weights[index] * step.change[place] }
        }
        if let last = steps.last {
            var norm = 0.0
            for value in last.change { norm += value * value }
            let scale = last.curvature / norm
            for place in direction.indices { direction[place] *= scale }
        }
        for (index, step) in steps.enumerated() {
            var product = 0.0
            for place in direction.indices { product += step.change[place] * direction[place] }
            let weight = weights[index] - product / step.curvature
            for place in direction.indices { direction[place] += weight * step.move[place] }
        }
    }
}
