import HerdMessages

/// The predictor version that decisions are made with, as far as the router needs to know it.
struct FollowedPredictor: Sendable, Equatable {
    let version: String
    /// In the order of the qualities of a prediction.
    let models: [String]
    let topics: [String]
    /// The place of each in `topics`.
    private let topicPlaces: [String: UInt32]
    /// Mean score of each model over the training data, 0..1: what is known of a model when no prediction can be had.
    let means: [Float]
    /// Rounds of refinement that a prediction tells the gains of; 0 = none.
    let rounds: Int
    /// When it was trained, in milliseconds since 1970; 0 = unknown.
    let createdMs: UInt64

    /// Nil for the event of a scorer that has no predictor yet.
    init?(_ event: PredictorEvent) {
        guard !event.version.isEmpty else { return nil }
        version = event.version
        models = event.models
        topics = event.topics
        topicPlaces = Self.places(of: event.topics)
        means = event.means
        rounds = Int(event.rounds)
        createdMs = event.createdUnixMs
    }

    init?(_ record: FollowedPredictorRecord) {
        guard !record.version.isEmpty else { return nil }
        version = record.version
        models = record.models
        topics = record.topics
        topicPlaces = Self.places(of: record.topics)
        means = record.means
        rounds = Int(record.rounds)
        createdMs = record.createdUnixMs
    }

    private static func places(of topics: [String]) -> [String: UInt32] {
        Dictionary(topics.enumerated().map { ($1, UInt32(clamping: $0)) }, uniquingKeysWith: { first, _ in first })
    }

    /// The place of a topic; one past the last for a topic that is not among them.
    func place(ofTopic topic: String) -> UInt32 {
        topicPlaces[topic] ?? UInt32(clamping: topics.count)
    }

    var record: FollowedPredictorRecord {
        FollowedPredictorRecord(
            version: version, models: models, topics: topics, means: means, rounds: UInt32(clamping: rounds),
            createdUnixMs: createdMs)
    }
}
