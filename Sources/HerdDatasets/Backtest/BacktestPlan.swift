package import HerdPrediction

/// What a backtest routes among, and what it is compared with.
package struct BacktestPlan: Sendable {
    /// Where the rows to train on and the rows to predict come from.
    package enum Split: Sendable {
        case holdout(train: [EvaluationRow], test: [EvaluationRow])
        /// Every row is predicted once, by a predictor that did not see it.
        case folds([EvaluationRow], count: Int)
    }

    package var split: Split
    /// The models routed among; empty = every model of the data.
    package var herd: [String]
    /// A model the herd is compared with; it need not belong to it.
    package var reference: String?
    /// Two models of the herd, the stronger first; nil = the two of a herd of two.
    package var pair: [String]?
    /// Facts of the models, for their parameters.
    package var facts: HerdFile?
    /// Of the folds and of each training.
    package var seed: UInt64

    package init(
        split: Split, herd: [String] = [], reference: String? = nil, pair: [String]? = nil, facts: HerdFile? = nil,
        seed: UInt64 = 1
    ) {
        self.split = split
        self.herd = herd
        self.reference = reference
        self.pair = pair
        self.facts = facts
        self.seed = seed
    }
}

/// Why a backtest gave no report.
package enum BacktestError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The plan can't be carried out on this data.
    case invalidPlan(String)
    case training(TrainingError)

    package var description: String {
        switch self {
        case .invalidPlan(let reason): reason
        case .training(let error): error.description
        }
    }
}

/// How far a backtest has come.
package struct BacktestProgress: Sendable, Equatable {
    /// What is being done, for a person.
    package var phase: String
    /// 0..1 of the whole backtest.
    package var share: Double
}
