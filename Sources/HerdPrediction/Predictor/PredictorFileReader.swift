/// Reads a predictor file; see `PredictorFileWriter` for its layout.
///
/// The checksum is verified first, so accidental damage is found whatever it hits. The content is checked all the same:
/// every count against the bytes that are left before anything is allocated, every number for being finite and of sane
/// size, so that even a forged file can't crash a prediction.
struct PredictorFileReader {
    /// Weights larger than this could overflow a product; training makes none over about 1e4.
    private static let largestNumber: Float = 1e9
    private static let largestWidth = 1 << 16

    private let bytes: [UInt8]
    private let end: Int
    private var position: Int
    private let format: UInt32

    init(_ bytes: [UInt8]) throws(PredictorFileError) {
        let header = PredictorFileWriter.headerBytes
        guard bytes.starts(with: PredictorFileWriter.magic) else {
            throw PredictorFileError(.notAPredictor, "this is not a predictor file: it doesn't start with HERDPRED")
        }
        guard bytes.count >= header + SHA256.byteCount else {
            throw PredictorFileError(.damaged, "the predictor file is cut short: it has only \(bytes.count) bytes")
        }
        self.bytes = bytes
        end = bytes.count - SHA256.byteCount
        position = PredictorFileWriter.magic.count
        format = Self.word(bytes, at: position)
        position += 4
        guard (PredictorFileWriter.formatVersion...PredictorFileWriter.refinementFormatVersion).contains(format) else {
            throw PredictorFileError(
                .unknownFormat,
                """
                the predictor file has format \(format), this software reads formats \
                \(PredictorFileWriter.formatVersion) to \(PredictorFileWriter.refinementFormatVersion): it is damaged or \
                from a newer version
                """)
        }
        let length: UInt64 = try number()
        guard length == UInt64(bytes.count) else {
            throw PredictorFileError(
                .damaged, "the predictor file has \(bytes.count) bytes where it should have \(length)")
        }
        guard SHA256.digest(bytes[..<end]) == Array(bytes[end...]) else {
            throw PredictorFileError(.damaged, "the predictor file is damaged: its checksum doesn't match")
        }
    }

    // MARK: - Content

    typealias Content = (
        models: [String], topics: [String], embeddingChecksum: String, card: PredictorCard, weights: PredictorWeights
    )

    mutating func read() throws(PredictorFileError) -> Content {
        let checksum = try string()
        let width = Int(try number() as UInt32)
        guard (1...Self.largestWidth).contains(width) else { throw invalid("the width of its embedding is \(width)") }
        let tail: UInt32 = try number()
        guard tail <= 1 else { throw invalid("the mark of its tail is \(tail)") }
        let models = try names("model")
        let topics = try names("topic")
        let rows = try count()
        let seed: UInt64 = try number()
        let settings = TrainingSettings(
            topicInverseRegularisation: try double(), specificRidge: try double(), commonRidge: try double(),
            usesTail: tail == 1, calibration: ScoreCalibration(slope: try double(), offset: try double()))
        guard settings.calibration.slope > 0, settings.calibration.slope < 1e6, abs(settings.calibration.offset) < 1e6
        else { throw invalid("its calibration is out of range") }
        let modelMeans = try floats(models.count, "model means")
        var topicRows: [Int] = []
        try expect(topics.count, elementBytes: 8, "topic rows")
        for _ in topics { topicRows.append(try count()) }
        let figures = try self.figures()
        let features = settings.usesTail ? 2 * width : width
        var weights = PredictorWeights(
            width: width,
            projection: try floats((topics.count + models.count) * features, "projection"),
            topicBias: try floats(topics.count, "topic biases"),
            topicScores: try floats(models.count * topics.count, "topic scores"),
            topicPrior: try floats(topics.count, "topic priors"),
            costPerToken: try floats(models.count, "costs per token", mayBeEmpty: true, mayBeUnknown: true),
            topicCosts: try floats(models.count * topics.count, "topic costs", mayBeEmpty: true), refinement: nil)
        guard weights.costPerToken.isEmpty == weights.topicCosts.isEmpty else {
            throw invalid("it has only one half of its costs")
        }
        if format == PredictorFileWriter.refinementFormatVersion {
            weights.refinement = try refinement(models: models.count, topics: topics.count)
        }
        guard position == end else { throw invalid("\(end - position) bytes are left over") }
        let card = PredictorCard(
            rows: rows, seed: seed, settings: settings, modelMeans: modelMeans, topicRows: topicRows, figures: figures)
        return (models, topics, checksum, card, weights)
    }

    private mutating func refinement(models: Int, topics: Int) throws(PredictorFileError) -> RefinementWeights {
        let rounds = Int(try number() as UInt32)
        guard (1...TrainingRow.mostRounds).contains(rounds) else {
            throw invalid("it has gains of \(rounds) refinement rounds")
        }
        let wanted = models * rounds * topics
        return RefinementWeights(
            rounds: rounds, topicGains: try floats(wanted, "refinement gains", mayBeUnknown: true),
            topicRoundCosts: try floats(wanted, "refinement costs", mayBeEmpty: true, mayBeUnknown: true))
    }

    private mutating func figures() throws(PredictorFileError) -> [PredictorCard.Figure] {
        let count = Int(try number() as UInt32)
        guard count <= (end - position) / 12 else { throw invalid("it has more figures than bytes") }
        var figures: [PredictorCard.Figure] = []
        for _ in 0..<count { figures.append(PredictorCard.Figure(name: try string(), value: try double())) }
        return figures
    }

    private mutating func names(_ what: String) throws(PredictorFileError) -> [String] {
        let count = Int(try number() as UInt32)
        guard count > 0 else { throw invalid("it has no \(what)") }
        guard count <= (end - position) / 4 else { throw invalid("it has more \(what)s than bytes") }
        var names: [String] = []
        for _ in 0..<count { names.append(try string()) }
        guard Set(names).count == count else { throw invalid("a \(what) appears twice") }
        return names
    }

    private mutating func floats(
        _ wanted: Int, _ what: String, mayBeEmpty: Bool = false, mayBeUnknown: Bool = false
    ) throws(PredictorFileError) -> [Float] {
        let count = try expect(wanted, elementBytes: 4, what, mayBeEmpty: mayBeEmpty)
        var values: [Float] = []
        values.reserveCapacity(count)
        for _ in 0..<count {
            let value = Float(bitPattern: try number())
            guard abs(value) <= Self.largestNumber || (mayBeUnknown && value.isNaN) else {
                throw invalid("its \(what) are not all finite numbers of sane size")
            }
            values.append(value)
        }
        return values
    }

    /// Reads an array's count and checks that so many elements are wanted and there.
    @discardableResult
    private mutating func expect(
        _ wanted: Int, elementBytes: Int, _ what: String, mayBeEmpty: Bool = false
    ) throws(PredictorFileError) -> Int {
        let count = Int(try number() as UInt32)
        guard count == wanted || (mayBeEmpty && count == 0) else {
            throw invalid("it has \(count) \(what) where \(wanted) belong")
        }
        guard count <= (end - position) / elementBytes else { throw invalid("its \(what) are cut short") }
        return count
    }

    // MARK: - Numbers and strings

    private func invalid(_ reason: String) -> PredictorFileError {
        PredictorFileError(.invalid, "the predictor file makes no sense: \(reason)")
    }

    private static func word(_ bytes: [UInt8], at place: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << (8 * UInt32($1)) }
    }

    private mutating func number<Number: FixedWidthInteger>() throws(PredictorFileError) -> Number {
        let size = MemoryLayout<Number>.size
        guard size <= end - position else { throw invalid("it ends inside a number") }
        var value: Number = 0
        for index in (0..<size).reversed() { value = value << 8 | Number(truncatingIfNeeded: bytes[position + index]) }
        position += size
        return value
    }

    private mutating func count() throws(PredictorFileError) -> Int {
        let value: UInt64 = try number()
        guard value <= UInt64(Int32.max) else { throw invalid("a count is \(value)") }
        return Int(value)
    }

    private mutating func double() throws(PredictorFileError) -> Double {
        let value = Double(bitPattern: try number())
        guard value.isFinite else { throw invalid("a number is not finite") }
        return value
    }

    private mutating func string() throws(PredictorFileError) -> String {
        let count = Int(try number() as UInt32)
        guard count <= end - position else { throw invalid("it ends inside a string") }
        guard let text = String(validating: bytes[position..<position + count], as: UTF8.self) else {
            throw invalid("a string is not UTF-8")
        }
        position += count
        return text
    }
}
