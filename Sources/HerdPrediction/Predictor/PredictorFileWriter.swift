/// Writes a predictor file.
///
/// Layout, all numbers little-endian: magic "HERDPRED", u32 format version, u64 length of the whole file, the content
/// (in the order of `write`), SHA-256 of everything before it. A string is u32 length and UTF-8 bytes; an array is u32
/// count and its elements. Format 2 is format 1 with the refinement gains behind it; a predictor without any is written in
/// format 1, as it always was, so that its bytes and its version do not change.
struct PredictorFileWriter {
    static let magic = Array("HERDPRED".utf8)
    static let formatVersion: UInt32 = 1
    static let refinementFormatVersion: UInt32 = 2
    /// Magic, format version, length.
    static let headerBytes = 20

    private var bytes: [UInt8] = magic

    init() {
        append(Self.formatVersion)
        append(UInt64(0))
    }

    mutating func write(
        models: [String], topics: [String], embeddingChecksum: String, card: PredictorCard, weights: PredictorWeights
    ) {
        append(embeddingChecksum)
        append(UInt32(weights.width))
        append(UInt32(card.settings.usesTail ? 1 : 0))
        append(models)
        append(topics)
        append(UInt64(card.rows))
        append(card.seed)
        append(card.settings.topicInverseRegularisation)
        append(card.settings.specificRidge)
        append(card.settings.commonRidge)
        append(card.settings.calibration.slope)
        append(card.settings.calibration.offset)
        append(card.modelMeans)
        append(card.topicRows.map { UInt64($0) })
        append(UInt32(card.figures.count))
        for figure in card.figures {
            append(figure.name)
            append(figure.value)
        }
        append(weights.projection)
        append(weights.topicBias)
        append(weights.topicScores)
        append(weights.topicPrior)
        append(weights.costPerToken)
        append(weights.topicCosts)
        if let refinement = weights.refinement {
            bytes[Self.magic.count] = UInt8(Self.refinementFormatVersion)
            append(UInt32(refinement.rounds))
            append(refinement.topicGains)
            append(refinement.topicRoundCosts)
        }
    }

    /// The finished file.
    consuming func finish() -> [UInt8] {
        let length = UInt64(bytes.count + SHA256.byteCount)
        for index in 0..<8 { bytes[12 + index] = UInt8(truncatingIfNeeded: length >> (8 * UInt64(index))) }
        bytes.append(contentsOf: SHA256.digest(bytes))
        return bytes
    }

    private mutating func append<Number: FixedWidthInteger>(_ number: Number) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private mutating func append(_ number: Double) { append(number.bitPattern) }

    private mutating func append(_ number: Float) { append(number.bitPattern) }

    private mutating func append(_ text: String) {
        append(UInt32(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func append(_ texts: [String]) {
        append(UInt32(texts.count))
        for text in texts { append(text) }
    }

    private mutating func append(_ numbers: [Float]) {
        append(UInt32(numbers.count))
        for number in numbers { append(number) }
    }

    private mutating func append(_ numbers: [UInt64]) {
        append(UInt32(numbers.count))
        for number in numbers { append(number) }
    }
}
