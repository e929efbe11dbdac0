/// One evaluated prompt: what was predicted for it and what was measured. Arrays follow the herd's order.
package struct BacktestRow: Sendable {
    package var task: String
    /// Measured scores, 0..1; none is missing.
    package var scores: [Double]
    /// Predicted scores, 0..1.
    package var qualities: [Double]
    /// Measured US dollars; empty where none were measured.
    package var costs: [Double]
    /// Expected US dollars; empty where there are none.
    package var expectedCosts: [Double]
    /// The model with the highest mean score on the training rows of this task; nil where there were no such rows.
    package var taskLabelModel: Int?
    /// Measured score of the reference model, where one is named.
    package var referenceScore: Double?
    /// Measured US dollars of the reference model, where one is named.
    package var referenceCost: Double?

    package init(
        task: String, scores: [Double], qualities: [Double], costs: [Double] = [], expectedCosts: [Double] = [],
        taskLabelModel: Int? = nil, referenceScore: Double? = nil, referenceCost: Double? = nil
    ) {
        self.task = task
        self.scores = scores
        self.qualities = qualities
        self.costs = costs
        self.expectedCosts = expectedCosts
        self.taskLabelModel = taskLabelModel
        self.referenceScore = referenceScore
        self.referenceCost = referenceCost
    }

    /// The model with the highest predicted score; of equals the first.
    package var chosen: Int { qualities.firstIndexOfMaximum }
}

extension [Double] {
    /// Position of the largest element, the first of equals; 0 of none. NaN is never the largest.
    var firstIndexOfMaximum: Int {
        var best = 0
        var value = -Double.infinity
        for (index, element) in enumerated() where element > value {
            best = index
            value = element
        }
        return best
    }
}
