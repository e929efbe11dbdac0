import CVectors

/// A predictor's weights as its predictions read them.
///
/// What sets models apart is kept as integers: of a thousand models they are a quarter of the memory that a prediction has
/// to read, and fit into the second-level cache. The rows over topics are filled up with zeros to whole vectors, which add
/// nothing to any sum.
struct PreparedWeights: Sendable {
    /// Floats of a row over the topics: their number rounded up to a multiple of 16.
    let topicStride: Int
    /// Of `PredictorWeights.projection` the topics' rows.
    let topicHead: [Float]
    /// And the models' rows, each as integers from -127 to 127 times its scale.
    let residuals: [Int8]
    let residualScales: [Float]
    let topicScores: [Float]
    let topicPrior: [Float]
    let topicCosts: [Float]
    let topicGains: [Float]
    let topicRoundCosts: [Float]

    private static let lanes = 16

    init(_ weights: PredictorWeights, topics: Int, models: Int) {
        let features = topics + models > 0 ? weights.projection.count / (topics + models) : 0
        let stride = (topics + Self.lanes - 1) / Self.lanes * Self.lanes
        func padded(_ rows: [Float]) -> [Float] {
            guard topics > 0 else { return [] }
            var result = [Float](repeating: 0, count: rows.count / topics * stride)
            for row in 0..<rows.count / topics {
                for topic in 0..<topics { result[row * stride + topic] = rows[row * topics + topic] }
            }
            return result
        }
        topicStride = stride
        topicHead = Array(weights.projection.prefix(topics * features))
        var integers = [Int8](repeating: 0, count: models * features)
        var scales = [Float](repeating: 0, count: models)
        weights.projection.withUnsafeBufferPointer { projection in
            integers.withUnsafeMutableBufferPointer { integers in
                guard let from = projection.baseAddress, let to = integers.baseAddress else { return }
                for model in 0..<models {
                    herd_quantise_i8(
                        from + (topics + model) * features, to + model * features, &scales[model], features)
                }
            }
        }
        residuals = integers
        residualScales = scales
        topicScores = padded(weights.topicScores)
        topicPrior = padded(weights.topicPrior)
        topicCosts = padded(weights.topicCosts)
        topicGains = padded(weights.refinement?.topicGains ?? [])
        topicRoundCosts = padded(weights.refinement?.topicRoundCosts ?? [])
    }
}
