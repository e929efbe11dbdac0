import CVectors
import Glibc
import HerdPrediction

/// Measures what a prediction costs in process, and prints it as JSON: `make measure-scale` compares it with its targets.
///
///     prediction-speed [ROUNDS]
@main
enum PredictionSpeed {
    /// Tokens of each prompt.
    private static let tokens = 128
    /// Prompts in turns, so that no one of them stays in the first-level cache.
    private static let prompts = 256

    static func main() throws {
        let rounds = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 31
        guard let path = ResourceLocator.locate() else {
            throw Failure(
                description: "the embedding table was not found; name the folder of resources in HERD_RESOURCES")
        }
        let embedder = TextEmbedder(table: try EmbeddingTable(mapping: path))
        let few = try MadePredictor.train(models: 11, rows: 57 * 20)
        let many = try MadePredictor.train(models: 1_000, rows: 57 * 10)
        var figures: [(String, Double)] = []
        for script in Script.allCases {
            let texts = (0..<prompts).map { script.text(tokens: tokens, seed: UInt64($0), embedder: embedder) }
            figures.append(
                ("predict_\(script.rawValue)_us", median(texts, rounds) { predict($0, embedder, few) }))
        }
        let english = (0..<prompts).map { Script.english.text(tokens: tokens, seed: UInt64($0), embedder: embedder) }
        figures.append(("predict_1000_models_us", median(english, rounds) { predict($0, embedder, many) }))
        figures.append(("embed_english_us", median(english, rounds) { embedder.embed(utf8: $0).tokenCount }))
        figures.append(("tokenise_english_us", median(english, rounds) { embedder.tokenIDs(utf8: $0).count }))
        for length in [1_000, 10_000, 100_000] {
            let text = [Script.english.text(tokens: length, seed: 1, embedder: embedder)]
            figures.append(
                ("tokenise_\(length)_us", median(text, rounds) { embedder.tokenIDs(utf8: $0, limit: .max).count }))
            figures.append(("predict_\(length)_us", median(text, rounds) { predict($0, embedder, few) }))
        }
        for set in InstructionSet.available {
            herd_limit_instruction_set(set.level)
            figures.append(("predict_english_\(set.name)_us", median(english, rounds) { predict($0, embedder, few) }))
            figures.append(
                ("predict_1000_models_\(set.name)_us", median(english, rounds) { predict($0, embedder, many) }))
        }
        print("{" + figures.map { "\"\($0.0)\": \(($0.1 * 1_000).rounded() / 1_000)" }.joined(separator: ", ") + "}")
    }

    private static func predict(
        _ text: UnsafeBufferPointer<UInt8>, _ embedder: TextEmbedder, _ predictor: Predictor
    ) -> Int {
        let embedding = embedder.embed(utf8: text)
        return predictor.predict(embedding, promptTokens: embedding.estimatedTokens).qualities.count
    }

    /// Microseconds of this thread's processor time for one text, the median of the rounds' means.
    private static func median(
        _ texts: [[UInt8]], _ rounds: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Int
    ) -> Double {
        var times: [Double] = []
        var sum = 0
        for _ in 0..<rounds + 2 {
            let start = processorTime()
            for text in texts { sum += text.withUnsafeBufferPointer(body) }
            times.append((processorTime() - start) / Double(texts.count))
        }
        precondition(sum > 0)
        // The first two are to warm up.
        let counted = times.dropFirst(2).sorted()
        return counted[counted.count / 2]
    }

    private static func processorTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
    }
}

private struct Failure: Error, CustomStringConvertible {
    let description: String
}

/// An instruction set that this machine has.
private struct InstructionSet {
    let level: Int32
    let name: String

    static var available: [Self] {
        var sets: [Self] = []
        for level in Int32(0)...8 {
            herd_limit_instruction_set(level)
            let name = String(cString: herd_instruction_set_name())
            if !sets.contains(where: { $0.name == name }) { sets.append(Self(level: level, name: name)) }
        }
        return sets
    }
}
