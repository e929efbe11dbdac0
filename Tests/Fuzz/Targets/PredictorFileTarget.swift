import HerdPrediction

extension FuzzTarget {
    /// A predictor file, as it is and with its length and checksum put right: refused, or a predictor that gives its own
    /// bytes back and predicts numbers in range.
    static let predictorFile = FuzzTarget(name: "predictor-file") { bytes in
        let asItIs = Array(bytes)
        if let violation = violation(ofPredictor: asItIs) { return violation }
        return violation(ofPredictor: mended(asItIs))
    } seeds: {
        [
            PredictorFile(models: 1, topics: 1).bytes, PredictorFile(models: 3, topics: 2).bytes,
            PredictorFile(models: 2, topics: 17, usesTail: true).bytes,
            PredictorFile(models: 2, topics: 3, rounds: 2).bytes,
        ]
    }

    private static func violation(ofPredictor file: [UInt8]) -> Violation? {
        guard let predictor = try? Predictor(serialized: file) else { return nil }
        guard predictor.serialized() == file else { return Violation("a predictor gives other bytes back") }
        let vector = (0..<256).map { Float($0 % 7) / 60 - 0.05 }
        let prediction = predictor.predict(
            PromptEmbedding(whole: vector, tail: vector.reversed(), tokenCount: 9, estimatedTokens: 9), promptTokens: 9)
        let models = predictor.models.count
        guard prediction.qualities.count == models, prediction.qualities.allSatisfy({ $0 >= 0 && $0 <= 1 }) else {
            return Violation("the qualities are \(prediction.qualities)")
        }
        guard prediction.prior >= 0, prediction.prior <= 1, prediction.topicProbability >= 0,
            prediction.topicProbability <= 1, predictor.topics.indices.contains(prediction.topic)
        else { return Violation("topic \(prediction.topic), prior \(prediction.prior)") }
        guard [0, models].contains(prediction.expectedCosts.count),
            prediction.expectedCosts.allSatisfy({ $0.isNaN || $0 >= 0 && $0.isFinite })
        else { return Violation("the costs are \(prediction.expectedCosts)") }
        guard [0, models * prediction.rounds].contains(prediction.gains.count),
            prediction.gains.allSatisfy({ $0.isNaN || abs($0) <= 1 }),
            prediction.roundCosts.allSatisfy({ $0.isNaN || $0 >= 0 && $0.isFinite })
        else { return Violation("the gains are \(prediction.gains), the costs \(prediction.roundCosts)") }
        return nil
    }

    /// The same content with the length and the checksum that it should have.
    private static func mended(_ file: [UInt8]) -> [UInt8] {
        guard file.count >= 20 + SHA256.byteCount else { return file }
        var content = Array(file.dropLast(SHA256.byteCount))
        let length = UInt64(file.count)
        for index in 0..<8 { content[12 + index] = UInt8(truncatingIfNeeded: length >> (8 * UInt64(index))) }
        return content + SHA256.digest(content)
    }
}

/// A small predictor file, written by hand: its layout stands at `PredictorFileWriter`.
private struct PredictorFile {
    private(set) var bytes = Array("HERDPRED".utf8)

    init(models: Int, topics: Int, usesTail: Bool = false, rounds: Int = 0) {
        let width = 4
        let features = usesTail ? 2 * width : width
        append(UInt32(rounds > 0 ? 2 : 1))
        append(UInt64(0))
        append("0123456789abcdef")
        append(UInt32(width))
        append(UInt32(usesTail ? 1 : 0))
        append((0..<models).map { "m\($0)" })
        append((0..<topics).map { "t\($0)" })
        append(UInt64(100))
        append(UInt64(7))
        for setting in [30, 100, 10, 1.5, -0.25] { append(setting.bitPattern) }
        append(floats: models)
        append(UInt32(topics))
        for _ in 0..<topics { append(UInt64(50)) }
        append(UInt32(1))
        append("mse")
        append(0.2.bitPattern)
        append(floats: (topics + models) * features)
        append(floats: topics)
        append(floats: models * topics)
        append(floats: topics)
        append(floats: models)
        append(floats: models * topics)
        if rounds > 0 {
            append(UInt32(rounds))
            append(floats: models * rounds * topics)
            append(floats: models * rounds * topics)
        }
        let length = UInt64(bytes.count + SHA256.byteCount)
        for index in 0..<8 { bytes[12 + index] = UInt8(truncatingIfNeeded: length >> (8 * UInt64(index))) }
        bytes += SHA256.digest(bytes)
    }

    private mutating func append(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private mutating func append(_ text: String) {
        append(UInt32(text.utf8.count))
        bytes += text.utf8
    }

    private mutating func append(_ texts: [String]) {
        append(UInt32(texts.count))
        for text in texts { append(text) }
    }

    private mutating func append(floats count: Int) {
        append(UInt32(count))
        for index in 0..<count { append((Float(index % 5) / 10 + 0.1).bitPattern) }
    }
}
