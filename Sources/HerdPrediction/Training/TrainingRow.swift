/// One evaluated prompt as training sees it.
package struct TrainingRow: Sendable {
    package var id: String
    package var embedding: PromptEmbedding
    /// The whole prompt's tokens, which costs are fitted to.
    package var promptTokens: Int
    package var task: String
    package var domain: String?
    /// Measured scores, 0..1, in the order of the models; NaN where a model was not run.
    package var scores: [Float]
    /// Measured US dollars in the order of the models, NaN where not measured; may be empty.
    package var costs: [Float]
    /// Measured scores, 0..1, after refinement round 1, 2, ... in the order of the models, each list empty where the answer
    /// was not refined; may be empty altogether. Rounds past `mostRounds` are passed over.
    package var refined: [[Float]]
    /// Measured US dollars of refinement round 1, 2, ... each by itself, in the order of the models, NaN where not
    /// measured; may be empty.
    package var refinedCosts: [[Float]]

    /// The most rounds that are learnt from.
    package static let mostRounds = 5

    package init(
        id: String, embedding: PromptEmbedding, promptTokens: Int, task: String, domain: String?, scores: [Float],
        costs: [Float] = [], refined: [[Float]] = [], refinedCosts: [[Float]] = []
    ) {
        self.id = id
        self.embedding = embedding
        self.promptTokens = promptTokens
        self.task = task
        self.domain = domain
        self.scores = scores
        self.costs = costs
        self.refined = refined
        self.refinedCosts = refinedCosts
    }
}
