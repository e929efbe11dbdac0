/// What a predictor expects of every model for one prompt. Arrays follow the predictor's order of models.
package struct Prediction: Sendable, Equatable {
    /// Expected scores, 0..1.
    package var qualities: [Float]
    /// Expected US dollars; NaN for a model without measured costs; empty where the predictor knows no costs at all.
    package var expectedCosts: [Float]
    /// Position in the predictor's topics of the most probable one.
    package var topic: Int
    /// Its probability, 0..1.
    package var topicProbability: Float
    /// The mean score over the models for prompts of these topics, 0..1: a guess for a model never seen.
    package var prior: Float
    /// Rounds of refinement per model in `gains` and `roundCosts`; 0 where the predictor knows of none.
    package var rounds: Int
    /// Points, -1..1, that rounds 1 to r together are expected to add to the score: a model's rounds, model after model; NaN
    /// where not measured; empty where the predictor knows of no refinement.
    package var gains: [Float]
    /// Expected US dollars of rounds 1 to r together, as `gains`; NaN where not measured; empty where none are known.
    package var roundCosts: [Float]

    package init(
        qualities: [Float], expectedCosts: [Float], topic: Int, topicProbability: Float, prior: Float,
        rounds: Int = 0, gains: [Float] = [], roundCosts: [Float] = []
    ) {
        self.qualities = qualities
        self.expectedCosts = expectedCosts
        self.topic = topic
        self.topicProbability = topicProbability
        self.prior = prior
        self.rounds = rounds
        self.gains = gains
        self.roundCosts = roundCosts
    }
}
