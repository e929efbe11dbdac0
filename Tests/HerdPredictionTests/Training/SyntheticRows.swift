import HerdPrediction

/// Evaluations that are made up: prompts around one direction per task, each task with a best model of its own.
struct SyntheticRows {
    var count = 300
    var models = ["a", "b", "c"]
    var tasks = ["t0", "t1", "t2"]
    var width = 16
    var seed: UInt64 = 1
    /// Share of the scores that are left out.
    var missing = 0.0
    var hasCosts = false

    func make() -> [TrainingRow] {
        var generator = SeededGenerator(seed: seed)
        func uniform() -> Double { Double(generator.next() >> 11) * 0x1p-53 }
        return (0..<count).map { index in
            let task = index % tasks.count
            var vector = (0..<width).map { _ in Float(uniform() - 0.5) * 0.6 }
            vector[task % width] += 1
            let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            vector = vector.map { $0 / norm }
            let scores = models.indices.map { model -> Float in
                if uniform() < missing { return .nan }
                return uniform() < (model == task % models.count ? 0.8 : 0.4) ? 1 : 0
            }
            let tokens = 10 + index % 90
            return TrainingRow(
                id: "row \(index)",
                embedding: PromptEmbedding(whole: vector, tail: vector, tokenCount: tokens, estimatedTokens: tokens),
                promptTokens: tokens, task: tasks[task], domain: nil, scores: scores,
                costs: hasCosts ? models.indices.map { Float(tokens) * 1e-6 * Float($0 + 1) + 1e-4 } : [])
        }
    }
}
