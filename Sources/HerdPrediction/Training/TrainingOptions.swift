/// What a training may be told; a setting that is nil is chosen by cross-validation on the training rows.
package struct TrainingOptions: Sendable {
    /// Seed of the folds and of clustering. Default 1.
    package var seed: UInt64
    /// Identifies the embedding table, kept in the predictor. Default "".
    package var embeddingChecksum: String
    /// Inverse strength of the topic head's L2 penalty, over 0. Default nil.
    package var topicInverseRegularisation: Double?
    /// Ridge penalty of what sets the models apart on a prompt, over 0. Default nil.
    package var specificRidge: Double?
    /// Ridge penalty of a prompt's difficulty, which all models share, over 0. Default nil.
    package var commonRidge: Double?
    /// Whether the embedding of the prompt's tail is a feature too. Default nil.
    package var usesTail: Bool?

    package init(
        seed: UInt64 = 1, embeddingChecksum: String = "", topicInverseRegularisation: Double? = nil,
        specificRidge: Double? = nil, commonRidge: Double? = nil, usesTail: Bool? = nil
    ) {
        self.seed = seed
        self.embeddingChecksum = embeddingChecksum
        self.topicInverseRegularisation = topicInverseRegularisation
        self.specificRidge = specificRidge
        self.commonRidge = commonRidge
        self.usesTail = usesTail
    }
}

/// How far a training has come.
package struct TrainingProgress: Sendable, Equatable {
    package enum Phase: String, Sendable {
        case topics
        case crossValidation = "cross-validation"
        case fitting
    }

    package var phase: Phase
    /// Steps done of `total`, over all phases.
    package var done: Int
    package var total: Int

    package init(phase: Phase, done: Int, total: Int) {
        self.phase = phase
        self.done = done
        self.total = total
    }
}

/// Why a training gave no predictor.
package enum TrainingError: Error, Sendable, Equatable, CustomStringConvertible {
    case noModels
    case noRows
    /// A model of the herd that no row has a score of.
    case modelWithoutScores(String)
    /// A row that can't be used: its id and why.
    case invalidRow(id: String, reason: String)
    /// An option out of its range.
    case invalidOption(String)
    /// The progress callback asked to stop.
    case cancelled

    package var description: String {
        switch self {
        case .noModels: "there is no model to train for"
        case .noRows: "there is no row with a score of one of the models to train on"
        case .modelWithoutScores(let model): "no row has a score of the model \"\(model)\": leave it out or add rows"
        case .invalidRow(let id, let reason): "the row \"\(id)\" can't be trained on: \(reason)"
        case .invalidOption(let reason): reason
        case .cancelled: "the training was cancelled"
        }
    }
}
