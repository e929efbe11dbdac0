/// The numbers a prediction is computed from.
///
/// With x the features (`width` floats: the prompt's embedding, then that of its tail where it is used), K topics and M
/// models: p = softmax(W x + b), raw score = A p + B x. B x is computed in integers, see `PreparedWeights`.
struct PredictorWeights: Sendable, Equatable {
    /// Floats of one embedding.
    var width: Int
    /// K rows of W, then M rows of B, each as long as the features.
    var projection: [Float]
    /// b, K values.
    var topicBias: [Float]
    /// A, M rows of K.
    var topicScores: [Float]
    /// Mean score over the models in each topic, K values.
    var topicPrior: [Float]
    /// US dollars per prompt token, M values, NaN where not known; empty where there are no costs at all.
    var costPerToken: [Float]
    /// US dollars of a prompt without tokens, M rows of K; empty where there are no costs at all.
    var topicCosts: [Float]
    /// Nil where no answer was refined.
    var refinement: RefinementWeights?
}

/// What rounds of refinement are expected to bring and to cost, with K topics and M models.
struct RefinementWeights: Sendable, Equatable {
    /// Rounds per model, 1 to `TrainingRow.mostRounds`.
    var rounds: Int
    /// Points that rounds 1 to r add to the score in each topic: M x rounds rows of K, a row of NaN where not measured.
    var topicGains: [Float]
    /// US dollars of rounds 1 to r together in each topic: as `topicGains`; empty where there are no such costs at all.
    var topicRoundCosts: [Float]
}
