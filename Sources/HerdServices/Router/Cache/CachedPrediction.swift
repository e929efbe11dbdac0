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
        guard let layout = Layout(record, modelCount: modelCount, rounds: rounds) else { return nil }
        func floats(_ range: Range<Int>) -> [Float] {
            guard !range.isEmpty else { return [] }
            let count = range.count / 4
            return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
                for index in 0..<count {
                    let word = record.loadUnaligned(fromByteOffset: range.lowerBound + 4 * index, as: UInt32.self)
                    buffer.initializeElement(at: index, to: Float(bitPattern: UInt32(littleEndian: word)))
                }
                initialized = count
            }
        }
        self.init(
            qualities: floats(layout.qualities), costs: floats(layout.costs), topic: layout.topic,
            topicProbability: layout.topicProbability, prior: layout.prior, promptTokens: layout.promptTokens,
            embedding: Array(record[layout.embedding]), rounds: rounds, gains: floats(layout.gains),
            roundCosts: floats(layout.roundCosts))
    }

    /// Where everything is in a record, in bytes from its start, and its numbers.
    struct Layout {
        let topic: UInt32
        let topicProbability: Float
        let prior: Float
        let promptTokens: UInt32
        let qualities: Range<Int>
        let costs: Range<Int>
        let gains: Range<Int>
        let roundCosts: Range<Int>
        let embedding: Range<Int>

        /// Nil as for a prediction from a record.
        init?(_ record: UnsafeRawBufferPointer, modelCount: Int, rounds: Int) {
            let header = rounds > 0 ? refinementHeaderLength : headerLength
            guard record.count >= header, record[0] == (rounds > 0 ? refinementFormatVersion : formatVersion)
            else { return nil }
            func word(_ offset: Int) -> UInt32 {
                UInt32(littleEndian: record.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            }
            let qualityCount = Int(word(1))
            let costCount = Int(word(5))
            var gainCount = 0
            var roundCostCount = 0
            if rounds > 0 {
                guard Int(word(25)) == rounds, rounds <= record.count, qualityCount <= record.count else {
                    return nil
                }
                gainCount = qualityCount * rounds
                roundCostCount = Int(word(29))
            }
            guard qualityCount == modelCount, costCount == 0 || costCount == modelCount,
                roundCostCount == 0 || roundCostCount == gainCount,
                record.count >= header + 4 * (qualityCount + costCount + gainCount + roundCostCount)
            else { return nil }
            topic = word(9)
            topicProbability = Float(bitPattern: word(13))
            prior = Float(bitPattern: word(17))
            promptTokens = word(21)
            qualities = header..<header + 4 * qualityCount
            costs = qualities.upperBound..<qualities.upperBound + 4 * costCount
            gains = costs.upperBound..<costs.upperBound + 4 * gainCount
            roundCosts = gains.upperBound..<gains.upperBound + 4 * roundCostCount
            embedding = roundCosts.upperBound..<record.count
        }
    }
}
