import HerdMessages

/// The predictor version that decisions are made with, as far as the router needs to know it.
struct FollowedPredictor: Sendable, Equatable {
    let version: String
    /// In the order of the qualities of a prediction.
    let models: [String]
    let topics: [String]
    /// Mean score of each model over the training data, 0..1: what is known of a model when no prediction can be had.
    let means: [Float]
    /// Rounds of refinement that a prediction tells the gains of; 0 = none.
    let rounds: Int

    /// Nil for the event of a scorer that has no predictor yet.
    init?(_ event: PredictorEvent) {
        guard !event.version.isEmpty else { return nil }
        version = event.version
        models = event.models
        topics = event.topics
        means = event.means
        rounds = Int(event.rounds)
    }

    init?(_ record: FollowedPredictorRecord) {
        guard !record.version.isEmpty else { return nil }
        version = record.version
        models = record.models
        topics = record.topics
        means = record.means
        rounds = Int(record.rounds)
    }

    var record: FollowedPredictorRecord {
        FollowedPredictorRecord(
            version: version, models: models, topics: topics, means: means, rounds: UInt32(clamping: rounds))
    }
}
