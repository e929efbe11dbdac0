import HerdPrediction

/// Predictors of a size, trained on made-up rows: what they predict is of no meaning, what it costs is.
enum MadePredictor {
    private static let topics = 57

    static func train(models: Int, rows: Int) throws -> Predictor {
        var random = SeededGenerator(seed: 1)
        func uniform() -> Float { Float(random.next() >> 40) * 0x1p-24 }
        func vector(_ topic: Int) -> [Float] {
            var values = (0..<EmbeddingTable.dimension).map { _ in (uniform() - 0.5) * 0.1 }
            values[topic] += 1
            let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
            return values.map { $0 / length }
        }
        let made = (0..<rows).map { index in
            let topic = index % topics
            let embedding = PromptEmbedding(
                whole: vector(topic), tail: vector(topic), tokenCount: 128, estimatedTokens: 128)
            return TrainingRow(
                id: "\(index)", embedding: embedding, promptTokens: 100 + index % 100, task: "task \(topic % 7)",
                domain: "domain \(topic)", scores: (0..<models).map { _ in uniform() },
                costs: (0..<models).map { Float($0 + 1) * 1e-6 })
        }
        return try Trainer.train(
            rows: made, models: (0..<models).map { "model \($0)" },
            options: TrainingOptions(
                topicInverseRegularisation: 30, specificRidge: 100, commonRidge: 100, usesTail: true))
    }
}
