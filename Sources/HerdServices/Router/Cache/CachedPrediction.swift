/// A prediction as the router caches it, in the order of its predictor version's models.
package struct CachedPrediction: Sendable, Equatable {
    /// 0..1, one per model of the predictor version.
    package var qualities: [Float]
    /// US dollars; NaN where unknown; empty where no costs were measured at all.
    package var costs: [Float]
    /// Index into the predictor version's topics.
    package var topic: UInt32
    package var topicProbability: Float
    /// The topic's mean over the herd, for models the predictor has not seen.
    package var prior: Float
    package var promptTokens: UInt32
    /// The prompt's quantised embedding, kept in the decision log so that feedback can be learnt from.
    package var embedding: [UInt8]

    package init(
        qualities: [Float], costs: [Float], topic: UInt32, topicProbability: Float, prior: Float, promptTokens: UInt32,
        embedding: [UInt8]
    ) {
        self.qualities = qualities
        self.costs = costs
        self.topic = topic
        self.topicProbability = topicProbability
        self.prior = prior
        self.promptTokens = promptTokens
        self.embedding = embedding
    }
}

/// The record: a version byte, 23 bytes of header, then little-endian floats and the embedding's bytes. Raw, not
/// protobuf, because every cached decision reads one.
extension CachedPrediction {
    private static let formatVersion: UInt8 = 1
    private static let headerLength = 25

    package var record: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerLength + 4 * (qualities.count + costs.count) + embedding.count)
        func append(_ value: UInt32) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        bytes.append(Self.formatVersion)
        append(UInt32(truncatingIfNeeded: qualities.count))
        append(UInt32(truncatingIfNeeded: costs.count))
        append(topic)
        append(topicProbability.bitPattern)
        append(prior.bitPattern)
        append(promptTokens)
        for value in qualities { append(value.bitPattern) }
        for value in costs { append(value.bitPattern) }
        bytes.append(contentsOf: embedding)
        return bytes
    }

    /// Whether the lengths a record states are its own.
    package static func isRecord(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { record in
            guard record.count >= headerLength, record[0] == formatVersion else { return false }
            let models = UInt32(littleEndian: record.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
            return CachedPrediction(record: record, modelCount: Int(models)) != nil
        }
    }

    /// Nil for a record of another format or one whose lengths do not fit `modelCount`.
    package init?(record: UnsafeRawBufferPointer, modelCount: Int) {
        guard record.count >= Self.headerLength, record[0] == Self.formatVersion else { return nil }
        func word(_ offset: Int) -> UInt32 {
            UInt32(littleEndian: record.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
        let qualityCount = Int(word(1))
        let costCount = Int(word(5))
        guard qualityCount == modelCount, costCount == 0 || costCount == modelCount,
            record.count >= Self.headerLength + 4 * (qualityCount + costCount)
        else { return nil }
        func floats(from start: Int, count: Int) -> [Float] {
            [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
                for index in 0..<count {
                    buffer.initializeElement(at: index, to: Float(bitPattern: word(start + 4 * index)))
                }
                initialized = count
            }
        }
        let costStart = Self.headerLength + 4 * qualityCount
        self.init(
            qualities: floats(from: Self.headerLength, count: qualityCount),
            costs: floats(from: costStart, count: costCount), topic: word(9),
            topicProbability: Float(bitPattern: word(13)), prior: Float(bitPattern: word(17)), promptTokens: word(21),
            embedding: Array(record[(costStart + 4 * costCount)...]))
    }
}
