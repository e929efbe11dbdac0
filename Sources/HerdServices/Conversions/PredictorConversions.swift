import HerdMessages
import HerdPrediction

extension PredictorEvent {
    init(_ loaded: LoadedPredictor) {
        let predictor = loaded.predictor
        self.init(
            version: predictor.version, models: predictor.models, topics: predictor.topics,
            means: predictor.card.modelMeans, rounds: UInt32(clamping: predictor.rounds),
            createdUnixMs: loaded.createdMs)
    }
}

extension PredictorSummary {
    init(_ loaded: LoadedPredictor, inForce: Bool) {
        let predictor = loaded.predictor
        self.init(
            version: predictor.version, createdUnixMs: loaded.createdMs, rows: UInt64(predictor.card.rows),
            models: predictor.models, topics: predictor.topics, seed: predictor.card.seed,
            figures: predictor.card.namedFigures, inForce: inForce, note: loaded.note,
            table: predictor.embeddingChecksum,
            trainingSeconds: loaded.trainingSeconds)
    }
}

extension TrainProgress {
    init(_ step: TrainingProgress) {
        self.init(phase: step.phase.rawValue, done: UInt64(clamping: step.done), total: UInt64(clamping: step.total))
    }
}

extension PredictorCard {
    /// The figures by name, with the settings that cross-validation chose.
    fileprivate var namedFigures: [String: Double] {
        var named: [String: Double] = [
            "topic_inverse_regularisation": settings.topicInverseRegularisation,
            "specific_ridge": settings.specificRidge,
            "common_ridge": settings.commonRidge,
            "uses_tail": settings.usesTail ? 1 : 0,
        ]
        for figure in figures { named[figure.name] = figure.value }
        return named
    }
}
