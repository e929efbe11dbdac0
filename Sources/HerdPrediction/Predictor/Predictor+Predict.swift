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
        let stride = prepared.topicStride
        let features = card.settings.usesTail ? 2 * weights.width : weights.width
        return withUnsafeTemporaryAllocation(of: Float.self, capacity: features + stride + 2 * modelCount) { scratch in
            scratch.initialize(repeating: 0)
            copy(embedding.whole, to: scratch, at: 0)
            if card.settings.usesTail { copy(embedding.tail, to: scratch, at: weights.width) }
            guard let input = scratch.baseAddress else { return emptyPrediction }
            let probabilities = input + features
            let residuals = probabilities + stride
            let scores = residuals + modelCount

            prepared.topicHead.withUnsafeBufferPointer { matrix in
                herd_matvec_f32(matrix.baseAddress, input, probabilities, topicCount, features)
            }
            for topic in 0..<topicCount { probabilities[topic] += weights.topicBias[topic] }
            herd_softmax_f32(probabilities, probabilities, topicCount)
            addResiduals(UnsafeBufferPointer(start: input, count: features), to: residuals)
            prepared.topicScores.withUnsafeBufferPointer { matrix in
                herd_matvec_f32(matrix.baseAddress, probabilities, scores, modelCount, stride)
            }

            var best = 0
            for topic in 1..<max(1, topicCount) where probabilities[topic] > probabilities[best] { best = topic }
            let prior = prepared.topicPrior.withUnsafeBufferPointer {
                herd_dot_f32($0.baseAddress, probabilities, stride)
            }
            let calibration = card.settings.calibration
            let qualities = [Float](unsafeUninitializedCapacity: modelCount) { buffer, count in
                for model in 0..<modelCount {
                    buffer.initializeElement(at: model, to: scores[model] + residuals[model])
                }
                calibration.apply(to: UnsafeMutableBufferPointer(rebasing: buffer[..<modelCount]))
                count = modelCount
            }
            var prediction = Prediction(
                qualities: qualities, expectedCosts: costs(probabilities, promptTokens: promptTokens), topic: best,
                topicProbability: probabilities[best], prior: calibration(prior))
            if let refinement = weights.refinement { predict(refinement, probabilities, into: &prediction) }
            return prediction
        }
    }

    /// Adds what the features tell of each model beyond their topics. Features and weights are multiplied as integers,
    /// whose sums are the same in any order.
    private func addResiduals(_ input: UnsafeBufferPointer<Float>, to residuals: UnsafeMutablePointer<Float>) {
        let modelCount = models.count
        withUnsafeTemporaryAllocation(of: Int8.self, capacity: input.count) { features in
            withUnsafeTemporaryAllocation(of: Int32.self, capacity: modelCount) { sums in
                guard let from = input.baseAddress, let features = features.baseAddress, let sums = sums.baseAddress
                else { return }
                var scale: Float = 0
                herd_quantise_i8(from, features, &scale, input.count)
                prepared.residuals.withUnsafeBufferPointer { matrix in
                    herd_matvec_i8(matrix.baseAddress, features, sums, modelCount, input.count)
                }
                prepared.residualScales.withUnsafeBufferPointer { scales in
                    for model in 0..<modelCount { residuals[model] += Float(sums[model]) * (scales[model] * scale) }
                }
            }
        }
    }

    private func predict(
        _ refinement: RefinementWeights, _ probabilities: UnsafePointer<Float>, into prediction: inout Prediction
    ) {
        prediction.rounds = refinement.rounds
        prediction.gains = means(of: prepared.topicGains, probabilities) { min(1, max(-1, $0)) }
        prediction.roundCosts = means(of: prepared.topicRoundCosts, probabilities) { max(0, $0) }
    }

    /// The mean over the topics of each row; NaN, with the same bits everywhere, where one of its values is.
    private func means(
        of rows: [Float], _ probabilities: UnsafePointer<Float>, limit: (Float) -> Float
    ) -> [Float] {
        guard !rows.isEmpty else { return [] }
        let rowCount = rows.count / prepared.topicStride
        return [Float](unsafeUninitializedCapacity: rowCount) { buffer, count in
            rows.withUnsafeBufferPointer { matrix in
                herd_matvec_f32(matrix.baseAddress, probabilities, buffer.baseAddress, rowCount, prepared.topicStride)
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
            prepared.topicCosts.withUnsafeBufferPointer { matrix in
                herd_matvec_f32(
                    matrix.baseAddress, probabilities, buffer.baseAddress, modelCount, prepared.topicStride)
            }
            weights.costPerToken.withUnsafeBufferPointer { perToken in
                for model in 0..<modelCount {
                    let cost = buffer[model] + perToken[model] * tokens
                    // An unknown cost stays NaN, which `max` would drop.
                    buffer[model] = cost < 0 ? 0 : cost
                }
            }
            count = modelCount
        }
    }

    /// Copies an embedding; one of another width, which no embedder of the right table gives, is cut or padded.
    private func copy(_ values: [Float], to target: UnsafeMutableBufferPointer<Float>, at offset: Int) {
        let count = min(values.count, weights.width)
        values.withUnsafeBufferPointer { values in
            guard let from = values.baseAddress, let to = target.baseAddress else { return }
            (to + offset).update(from: from, count: count)
        }
    }

    private var emptyPrediction: Prediction {
        Prediction(qualities: [], expectedCosts: [], topic: 0, topicProbability: 0, prior: 0)
    }
}
