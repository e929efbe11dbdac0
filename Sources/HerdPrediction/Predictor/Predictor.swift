import CVectors

/// An immutable trained predictor: from a prompt's embedding to the expected score and cost of every model.
package struct Predictor: Sendable {
    /// In the order of a prediction's arrays.
    package let models: [String]
    package let topics: [String]
    /// "p-" and the first twelve hexadecimal digits of the SHA-256 of the serialized content.
    package let version: String
    /// Checksum of the embedding table it was trained on; a prompt must be embedded with the same.
    package let embeddingChecksum: String
    package let card: PredictorCard
    let weights: PredictorWeights
    let prepared: PreparedWeights
    /// Rounds of refinement per model that a prediction tells the gains of; 0 = none.
    package var rounds: Int { weights.refinement?.rounds ?? 0 }
    private let content: [UInt8]

    init(
        models: [String], topics: [String], embeddingChecksum: String, card: PredictorCard, weights: PredictorWeights
    ) {
        self.models = models
        self.topics = topics
        self.embeddingChecksum = embeddingChecksum
        self.card = card
        self.weights = weights
        prepared = PreparedWeights(weights, topics: topics.count, models: models.count)
        var writer = PredictorFileWriter()
        writer.write(
            models: models, topics: topics, embeddingChecksum: embeddingChecksum, card: card, weights: weights)
        content = writer.finish()
        version = Self.version(of: content)
    }

    /// Reads what `serialized()` gave.
    ///
    /// - Throws: `PredictorFileError` for anything else; no size stated in the file is trusted before it is checked.
    package init(serialized: [UInt8]) throws(PredictorFileError) {
        var reader = try PredictorFileReader(serialized)
        (models, topics, embeddingChecksum, card, weights) = try reader.read()
        prepared = PreparedWeights(weights, topics: topics.count, models: models.count)
        content = serialized
        version = Self.version(of: content)
    }

    /// The predictor as a file: checksummed, the same bytes for the same training.
    package func serialized() -> [UInt8] { content }

    private static func version(of content: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let checksum = content.suffix(SHA256.byteCount).prefix(6)
        return "p-"
            + String(decoding: checksum.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
