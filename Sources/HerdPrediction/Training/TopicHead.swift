import CVectors

/// Multinomial logistic regression from features to topics.
struct TopicHead {
    let topics: Int
    let width: Int
    /// `topics` x `width`, row major.
    private(set) var weights: [Float]
    private(set) var bias: [Float]

    /// Rows whose products are computed at a time, so that they stay in the cache.
    private static let chunk = 128
    private static let iterations = 25

    /// Fits the head by L-BFGS to the sum of log losses times `inverseRegularisation` plus half the squared weights.
    ///
    /// It stops after 25 steps: more of them change the predicted scores less than a change of seed does.
    ///
    /// - Parameters:
    ///   - features: one row per training row.
    ///   - labels: the topic of each row.
    ///   - tick: called at each evaluation; throws to stop.
    init(
        features: DenseMatrix<Float>, labels: [Int], topics: Int, inverseRegularisation: Double,
        tick: () throws(TrainingError) -> Void
    ) throws(TrainingError) {
        self.topics = topics
        width = features.columns
        weights = [Float](repeating: 0, count: topics * width)
        bias = [Float](repeating: 0, count: topics)
        guard topics > 1, features.rows > 0 else { return }

        // The biases start at the topics' frequencies, which one half keeps finite for a topic absent from this fold.
        var sizes = [Double](repeating: 0.5, count: topics)
        for label in labels { sizes[label] += 1 }
        var point = [Double](repeating: 0, count: topics * width)
        point += sizes.map { naturalLogarithm($0 / Double(labels.count)) }

        var problem = Problem(features: features, labels: labels, topics: topics, penalty: 1 / inverseRegularisation)
        var minimiser = LBFGS()
        minimiser.maximumIterations = Self.iterations
        try minimiser.minimise(&point) { (point, gradient) throws(TrainingError) in
            try tick()
            return problem.evaluate(point, &gradient)
        }
        weights = point[..<(topics * width)].map { Float($0) }
        bias = point[(topics * width)...].map { Float($0) }
    }

    /// The topics' probabilities for each row of `features`.
    func probabilities(_ features: DenseMatrix<Float>) -> DenseMatrix<Float> {
        let transposed = DenseMatrix(rows: topics, columns: width, values: weights).transposed
        var result = features.times(transposed)
        result.values.withUnsafeMutableBufferPointer { values in
            guard let base = values.baseAddress else { return }
            for row in 0..<features.rows {
                let start = base + row * topics
                for topic in 0..<topics { start[topic] += bias[topic] }
                herd_softmax_f32(start, start, topics)
            }
        }
        return result
    }

    private struct Problem {
        let features: DenseMatrix<Float>
        let labels: [Int]
        let topics: Int
        /// Of half the squared weights, per unit of summed loss.
        let penalty: Double
        /// Topics rounded up to whole tiles of the product kernel.
        let padded: Int
        var transposed: [Float]
        var gradient: [Float]
        var products: [Float]

        init(features: DenseMatrix<Float>, labels: [Int], topics: Int, penalty: Double) {
            self.features = features
            self.labels = labels
            self.topics = topics
            self.penalty = penalty
            padded = (topics + 15) / 16 * 16
            transposed = [Float](repeating: 0, count: features.columns * padded)
            gradient = [Float](repeating: 0, count: padded * features.columns)
            products = [Float](repeating: 0, count: TopicHead.chunk * padded)
        }

        /// The mean loss at `point` and its gradient.
        mutating func evaluate(_ point: [Double], _ result: inout [Double]) -> Double {
            let width = features.columns
            let rows = features.rows
            for topic in 0..<topics {
                for column in 0..<width { transposed[column * padded + topic] = Float(point[topic * width + column]) }
            }
            let bias = point[(topics * width)...].map { Float($0) }
            var biasGradient = [Double](repeating: 0, count: topics)
            var loss = 0.0
            gradient.withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
            features.values.withUnsafeBufferPointer { features in
                transposed.withUnsafeBufferPointer { transposed in
                    products.withUnsafeMutableBufferPointer { products in
                        gradient.withUnsafeMutableBufferPointer { gradient in
                            guard let features = features.baseAddress, let transposed = transposed.baseAddress,
                                let products = products.baseAddress, let gradient = gradient.baseAddress
                            else { return }
                            for start in stride(from: 0, to: rows, by: TopicHead.chunk) {
                                let count = min(TopicHead.chunk, rows - start)
                                products.update(repeating: 0, count: count * padded)
                                addProduct(
                                    rows: count, columns: padded, sum: width,
                                    left: StridedMatrix(base: features + start * width, rowStride: width, sumStride: 1),
                                    right: transposed, rightStride: padded, result: products, resultStride: padded)
                                for row in 0..<count {
                                    let errors = products + row * padded
                                    for topic in 0..<topics { errors[topic] += bias[topic] }
                                    herd_softmax_f32(errors, errors, topics)
                                    let label = labels[start + row]
                                    loss -= naturalLogarithm(max(1e-30, Double(errors[label])))
                                    errors[label] -= 1
                                    for topic in 0..<topics { biasGradient[topic] += Double(errors[topic]) }
                                }
                                addProduct(
                                    rows: padded, columns: width, sum: count,
                                    left: StridedMatrix(base: products, rowStride: 1, sumStride: padded),
                                    right: features + start * width, rightStride: width, result: gradient,
                                    resultStride: width)
                            }
                        }
                    }
                }
            }
            var squares = 0.0
            let scale = 1 / Double(rows)
            for index in 0..<(topics * width) {
                squares += point[index] * point[index]
                result[index] = (Double(gradient[index]) + penalty * point[index]) * scale
            }
            for topic in 0..<topics { result[topics * width + topic] = biasGradient[topic] * scale }
            return (loss + penalty * squares / 2) * scale
        }
    }
}
