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
    /// Rounds of refinement per model in `gains`; 0 where nothing is known of refinement.
    package var rounds: Int
    /// Expected change of the quality by rounds, model after model; NaN where not measured; empty without rounds.
    package var gains: [Float]
    /// US dollars of all rounds up to each, as `gains`; empty where no such costs were measured at all.
    package var roundCosts: [Float]

    package init(
        qualities: [Float], costs: [Float], topic: UInt32, topicProbability: Float, prior: Float, promptTokens: UInt32,
        embedding: [UInt8], rounds: Int = 0, gains: [Float] = [], roundCosts: [Float] = []
    ) {
        self.qualities = qualities
        self.costs = costs
        self.topic = topic
        self.topicProbability = topicProbability
        self.prior = prior
        self.promptTokens = promptTokens
        self.embedding = embedding
        self.rounds = rounds
        self.gains = gains
        self.roundCosts = roundCosts
    }

    /// The gains, or the costs, of one model's rounds; empty where there are none.
    func rounds(of model: Int, in values: [Float]) -> ArraySlice<Float> {
        values.isEmpty ? [] : values[model * rounds..<(model + 1) * rounds]
    }
}

/// The record: a version byte, 24 bytes of header, then little-endian floats and the embedding's bytes. Raw, not
/// protobuf, because every cached decision reads one. Version 2 has 8 more bytes of header, the rounds per model and how
/// many of their costs follow, and gains and round costs before the embedding; a prediction without gains is written in
/// version 1.
extension CachedPrediction {
    private static let formatVersion: UInt8 = 1
    private static let headerLength = 25
    private static let refinementFormatVersion: UInt8 = 2
    private static let refinementHeaderLength = 33

    package var record: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(
            Self.refinementHeaderLength + 4 * (qualities.count + costs.count + gains.count + roundCosts.count)
                + embedding.count)
        func append(_ value: UInt32) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        bytes.append(rounds > 0 ? Self.refinementFormatVersion : Self.formatVersion)
        append(UInt32(truncatingIfNeeded: qualities.count))
        append(UInt32(truncatingIfNeeded: costs.count))
        append(topic)
        append(topicProbability.bitPattern)
        append(prior.bitPattern)
        append(promptTokens)
        if rounds > 0 {
            append(UInt32(truncatingIfNeeded: rounds))
            append(UInt32(truncatingIfNeeded: roundCosts.count))
        }
        for value in qualities { append(value.bitPattern) }
        for value in costs { append(value.bitPattern) }
        for value in gains { append(value.bitPattern) }
        for value in roundCosts { append(value.bitPattern) }
        bytes.append(contentsOf: embedding)
        return bytes
    }

    /// Whether the lengths a record states are its own.
    package static func isRecord(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { record in
            guard record.count >= headerLength else { return false }
            func word(_ offset: Int) -> Int {
                Int(UInt32(littleEndian: record.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
            }
            var rounds = 0
            if record[0] == refinementFormatVersion {
                guard record.count >= refinementHeaderLength else { return false }
                rounds = word(25)
                guard rounds > 0 else { return false }
            }
            return CachedPrediction(record: record, modelCount: word(1), rounds: rounds) != nil
        }
    }

    /// Nil for a record of another format, one whose lengths do not fit `modelCount`, or one that does not tell the gains
    /// of as many `rounds` as its predictor version does: an earlier version of the router may have written it.
    package init?(record: UnsafeRawBufferPointer, modelCount: Int, rounds: Int) {
        let header = rounds > 0 ? Self.refinementHeaderLength : Self.headerLength
        guard record.count >= header, record[0] == (rounds > 0 ? Self.refinementFormatVersion : Self.formatVersion)
        else { return nil }
        func word(_ offset: Int) -> UInt32 {
            UInt32(littleEndian: record.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
        let qualityCount = Int(word(1))
        let costCount = Int(word(5))
        var gainCount = 0
        var roundCostCount = 0
        if rounds > 0 {
            guard Int(word(25)) == rounds, rounds <= record.count, qualityCount <= record.count else { return nil }
            gainCount = qualityCount * rounds
            roundCostCount = Int(word(29))
        }
        guard qualityCount == modelCount, costCount == 0 || costCount == modelCount,
            roundCostCount == 0 || roundCostCount == gainCount,
            record.count >= header + 4 * (qualityCount + costCount + gainCount + roundCostCount)
        else { return nil }
        var position = header
        func floats(_ count: Int) -> [Float] {
            guard count > 0 else { return [] }
            defer { position += 4 * count }
            return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
                for index in 0..<count {
                    buffer.initializeElement(at: index, to: Float(bitPattern: word(position + 4 * index)))
                }
                initialized = count
            }
        }
        self.init(
            qualities: floats(qualityCount), costs: floats(costCount), topic: word(9),
            topicProbability: Float(bitPattern: word(13)), prior: Float(bitPattern: word(17)), promptTokens: word(21),
            embedding: [], rounds: rounds, gains: floats(gainCount), roundCosts: floats(roundCostCount))
        embedding = Array(record[position...])
    }
}
