import HerdMessages
import HerdPrediction

extension PredictorEvent {
    init(_ loaded: LoadedPredictor) {
        let predictor = loaded.predictor
        self.init(
            version: predictor.version, models: predictor.models, topics: predictor.topics,
            means: predictor.card.meanScores)
    }
}

extension PredictorSummary {
    init(_ loaded: LoadedPredictor, inForce: Bool) {
        let predictor = loaded.predictor
        self.init(
            version: predictor.version, createdUnixMs: loaded.createdMs, rows: UInt64(predictor.card.rows),
            models: predictor.models, topics: predictor.topics, seed: predictor.card.seed,
            figures: predictor.card.figures, inForce: inForce, note: loaded.note, table: predictor.embeddingChecksum,
            trainingSeconds: loaded.trainingSeconds)
    }
}

extension TrainProgress {
    init(_ step: TrainingProgress) {
        self.init(phase: step.phase, done: UInt64(clamping: step.done), total: UInt64(clamping: step.total))
    }
}
