import HerdMessages

/// The predictor version that decisions are made with, as far as the router needs to know it.
struct FollowedPredictor: Sendable, Equatable {
    let version: String
    /// In the order of the qualities of a prediction.
    let models: [String]
    let topics: [String]
    /// Mean score of each model over the training data, 0..1: what is known of a model when no prediction can be had.
    let means: [Float]

    /// Nil for the event of a scorer that has no predictor yet.
    init?(_ event: PredictorEvent) {
        guard !event.version.isEmpty else { return nil }
        version = event.version
        models = event.models
        topics = event.topics
        means = event.means
    }

    init?(_ record: FollowedPredictorRecord) {
        guard !record.version.isEmpty else { return nil }
        version = record.version
        models = record.models
        topics = record.topics
        means = record.means
    }

    var record: FollowedPredictorRecord {
        FollowedPredictorRecord(version: version, models: models, topics: topics, means: means)
    }
}
