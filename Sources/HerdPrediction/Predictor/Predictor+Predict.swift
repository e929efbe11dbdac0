import CVectors

extension Predictor {
    /// Predicts every model's score and cost for one prompt; bit-equal on every CPU.
    ///
    /// Allocates the result's arrays and one scratch buffer.
    ///
    /// - Parameter promptTokens: the whole prompt's tokens, which its cost depends on.
    package func predict(_ embedding: PromptEmbedding, promptTokens: Int) -> Prediction {
        let topicCount = topics.count
        let modelCount = models.count
        let features = card.settings.usesTail ? 2 * weights.width : weights.width
        let outputs = topicCount + modelCount
        return withUnsafeTemporaryAllocation(of: Float.self, capacity: features + outputs + modelCount) { scratch in
            scratch.initialize(repeating: 0)
            copy(embedding.whole, to: scratch, at: 0)
            if card.settings.usesTail { copy(embedding.tail, to: scratch, at: weights.width) }
            guard let input = scratch.baseAddress else { return emptyPrediction }
            let probabilities = input + features
            let residuals = probabilities + topicCount
            let scores = input + features + outputs

            weights.projection.withUnsafeBufferPointer { matrix in
                herd_matvec_f32(matrix.baseAddress, input, probabilities, outputs, features)
            }
            for topic in 0..<topicCount { probabilities[topic] += weights.topicBias[topic] }
            herd_softmax_f32(probabilities, probabilities, topicCount)
            weights.topicScores.withUnsafeBufferPointer { matrix in
                herd_matvec_f32(matrix.baseAddress, probabilities, scores, modelCount, topicCount)
            }

            var best = 0
            for topic in 1..<max(1, topicCount) where probabilities[topic] > probabilities[best] { best = topic }
            let prior = weights.topicPrior.withUnsafeBufferPointer {
                herd_dot_f32($0.baseAddress, probabilities, topicCount)
            }
            let calibration = card.settings.calibration
            let qualities = [Float](unsafeUninitializedCapacity: modelCount) { buffer, count in
                for model in 0..<modelCount {
                    buffer.initializeElement(at: model, to: calibration(scores[model] + residuals[model]))
                }
                count = modelCount
            }
            var prediction = Prediction(
                qualities: qualities, expectedCosts: costs(probabilities, promptTokens: promptTokens), topic: best,
                topicProbability: probabilities[best], prior: calibration(prior))
            if let refinement = weights.refinement { predict(refinement, probabilities, into: &prediction) }
            return prediction
        }
    }

    private func predict(
        _ refinement: RefinementWeights, _ probabilities: UnsafePointer<Float>, into prediction: inout Prediction
    ) {
        prediction.rounds = refinement.rounds
        prediction.gains = means(of: refinement.topicGains, probabilities) { min(1, max(-1, $0)) }
        prediction.roundCosts = means(of: refinement.topicRoundCosts, probabilities) { max(0, $0) }
    }

    /// The mean over the topics of each row of K values; NaN, with the same bits everywhere, where one of them is.
    private func means(
        of rows: [Float], _ probabilities: UnsafePointer<Float>, limit: (Float) -> Float
    ) -> [Float] {
        guard !rows.isEmpty else { return [] }
        let rowCount = rows.count / topics.count
        return [Float](unsafeUninitializedCapacity: rowCount) { buffer, count in
            rows.withUnsafeBufferPointer { matrix in
                herd_matvec_f32(matrix.baseAddress, probabilities, buffer.baseAddress, rowCount, topics.count)
            }
            for row in 0..<rowCount { buffer[row] = buffer[row].isNaN ? .nan : limit(buffer[row]) }
            count = rowCount
        }
    }

    private func costs(_ probabilities: UnsafePointer<Float>, promptTokens: Int) -> [Float] {
        guard !weights.costPerToken.isEmpty else { return [] }
        let modelCount = models.count
        let tokens = Float(max(0, promptTokens))
        return [Float](unsafeUninitializedCapacity: modelCount) { buffer, count in
            weights.topicCosts.withUnsafeBufferPointer { matrix in
                herd_matvec_f32(matrix.baseAddress, probabilities, buffer.baseAddress, modelCount, topics.count)
            }
            for model in 0..<modelCount {
                let cost = buffer[model] + weights.costPerToken[model] * tokens
                // An unknown cost stays NaN, which `max` would drop.
                buffer[model] = cost < 0 ? 0 : cost
            }
            count = modelCount
        }
    }

    /// Copies an embedding; one of another width, which no embedder of the right table gives, is cut or padded.
    private func copy(_ values: [Float], to target: UnsafeMutableBufferPointer<Float>, at offset: Int) {
        for index in 0..<min(values.count, weights.width) { target[offset + index] = values[index] }
    }

    private var emptyPrediction: Prediction {
        Prediction(qualities: [], expectedCosts: [], topic: 0, topicProbability: 0, prior: 0)
    }
}
