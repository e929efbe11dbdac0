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

    package init(
        qualities: [Float], expectedCosts: [Float], topic: Int, topicProbability: Float, prior: Float
    ) {
        self.qualities = qualities
        self.expectedCosts = expectedCosts
        self.topic = topic
        self.topicProbability = topicProbability
        self.prior = prior
    }
}
