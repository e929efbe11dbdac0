/// How a predictor was made and how well it did on rows it had not seen.
package struct PredictorCard: Sendable, Equatable {
    /// Rows with at least one score that it was trained on.
    package var rows: Int
    package var seed: UInt64
    /// The settings in force, those chosen by cross-validation included.
    package var settings: TrainingSettings
    /// Mean measured score of each model, 0..1, in the predictor's order.
    package var modelMeans: [Float]
    /// Rows of each topic, in the predictor's order.
    package var topicRows: [Int]
    /// Measured on held-out folds, by name; empty where there were too few rows.
    package var figures: [Figure]

    package struct Figure: Sendable, Equatable {
        package var name: String
        package var value: Double

        package init(name: String, value: Double) {
            self.name = name
            self.value = value
        }
    }

    package init(
        rows: Int, seed: UInt64, settings: TrainingSettings, modelMeans: [Float], topicRows: [Int], figures: [Figure]
    ) {
        self.rows = rows
        self.seed = seed
        self.settings = settings
        self.modelMeans = modelMeans
        self.topicRows = topicRows
        self.figures = figures
    }

    /// The figure called `name`.
    package func figure(_ name: String) -> Double? {
        figures.first { $0.name == name }?.value
    }
}

/// The settings of one training.
package struct TrainingSettings: Sendable, Equatable {
    /// Inverse strength of the topic head's L2 penalty.
    package var topicInverseRegularisation: Double
    /// Ridge penalty of what sets the models apart on a prompt.
    package var specificRidge: Double
    /// Ridge penalty of what all models share on a prompt: its difficulty.
    package var commonRidge: Double
    /// Whether the embedding of the prompt's tail is a feature too.
    package var usesTail: Bool
    package var calibration: ScoreCalibration

    package init(
        topicInverseRegularisation: Double, specificRidge: Double, commonRidge: Double, usesTail: Bool,
        calibration: ScoreCalibration
    ) {
        self.topicInverseRegularisation = topicInverseRegularisation
        self.specificRidge = specificRidge
        self.commonRidge = commonRidge
        self.usesTail = usesTail
        self.calibration = calibration
    }
}
