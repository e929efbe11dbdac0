import HerdPrediction
import Testing

@Suite("Vectors are those of the reference")
struct EmbeddingTests {
    let embedder: TextEmbedder

    init() throws { embedder = try GoldenFiles.embedder.get() }

    struct GoldenVectors: Decodable {
        var text: String
        var times: Int
        var whole: [Float]
        var tail: [Float]
    }

    @Test("for chosen texts, short and long")
    func chosenTexts() throws {
        var worst: Float = 0
        for line in try GoldenFiles.decode("vectors.jsonl", as: GoldenVectors.self) {
            let embedding = embedder.embed(String(repeating: line.text, count: line.times))
            #expect(embedding.whole.count == 256 && embedding.tail.count == 256)
            for (got, expected) in zip(embedding.whole + embedding.tail, line.whole + line.tail) {
                worst = max(worst, abs(got - expected))
            }
        }
        print("largest difference of a vector's entry from the reference: \(worst)")
        #expect(worst < 2e-6)
    }

    @Test("of unit length, or zero where there is no token", arguments: ["", "  \n", "\u{301}\u{0}", "\u{FFFD}"])
    func noTokens(text: String) {
        let zeros = [Float](repeating: 0, count: 256)
        #expect(
            embedder.embed(text) == PromptEmbedding(whole: zeros, tail: zeros, tokenCount: 0, estimatedTokens: 0))
        let length = embedder.embed(text + "word").whole.reduce(0) { $0 + $1 * $1 }
        #expect(abs(length - 1) < 1e-5)
    }

    @Test("and the tail of a long text is that of its last 64 tokens")
    func tails() {
        let end = (0..<200).map { "word\($0)" }.joined(separator: " ")
        let long = embedder.embed(String(repeating: "Some text that comes before. ", count: 10_000) + end + "  \n ")
        let short = embedder.embed(end)
        #expect(long.tail == short.tail)
        #expect(long.tokenCount == 512)
        #expect(55_000...65_000 ~= long.estimatedTokens)
        #expect(embedder.embed("one two").whole == embedder.embed("one two").tail)
        #expect(embedder.embed("one two three").estimatedTokens == 3)
    }

    @Test("and the tail of a text without blanks is cut between characters")
    func tailWithoutBlanks() {
        let characters = (0..<5_000).map { String(Character(Unicode.Scalar(0x4E00 + $0 % 2_000) ?? "x")) }
        let long = embedder.embed(characters.joined())
        #expect(long.tail == embedder.embed(characters.suffix(64).joined()).whole)
    }
}
