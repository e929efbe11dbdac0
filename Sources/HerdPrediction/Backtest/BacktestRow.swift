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
    /// Measured scores after 1, 2, ... rounds of refinement, a list per model; empty where none were measured.
    package var refined: [[Double]]
    /// Expected gains of as many rounds, a list per model, NaN where not known; empty where there are none.
    package var gains: [[Double]]

    package init(
        task: String, scores: [Double], qualities: [Double], costs: [Double] = [], expectedCosts: [Double] = [],
        taskLabelModel: Int? = nil, referenceScore: Double? = nil, referenceCost: Double? = nil,
        refined: [[Double]] = [], gains: [[Double]] = []
    ) {
        self.task = task
        self.scores = scores
        self.qualities = qualities
        self.costs = costs
        self.expectedCosts = expectedCosts
        self.taskLabelModel = taskLabelModel
        self.referenceScore = referenceScore
        self.referenceCost = referenceCost
        self.refined = refined
        self.gains = gains
    }

    /// The model with the highest predicted score; of equals the first.
    package var chosen: Int { qualities.firstIndexOfMaximum }

    /// The model and the number of measured rounds that are expected to score highest; of equals the first model, with the
    /// fewest rounds.
    package var chosenWithRounds: (model: Int, rounds: Int) {
        var best = (model: 0, rounds: 0)
        var value = -Double.infinity
        for (model, quality) in qualities.enumerated() {
            var own = (rounds: 0, value: quality)
            if model < refined.count, model < gains.count {
                for (round, gain) in gains[model].prefix(refined[model].count).enumerated() {
                    if gain.isNaN { break }
                    let expected = min(1, max(0, quality + gain))
                    if expected > own.value { own = (round + 1, expected) }
                }
            }
            if own.value > value {
                best = (model, own.rounds)
                value = own.value
            }
        }
        return best
    }
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
