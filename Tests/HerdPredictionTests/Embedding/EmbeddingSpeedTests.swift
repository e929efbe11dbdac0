import HerdPrediction
import Testing

@Suite("Embedding is fast enough for the hot path", .serialized)
struct EmbeddingSpeedTests {
    static let texts = [
        (
            "English",
            """
            The committee reviewed the proposal for a new bridge across the river and asked the engineers to explain how \
            the foundations would hold in soft ground. They answered that steel piles, driven to a depth of thirty metres, \
            would carry the load; the cost, however, rises with every metre. Which of these materials should be chosen \
            if the budget is fixed, and why? A. Concrete B. Steel C. Timber D. Stone. Explain your reasoning step by step \
            before giving the final answer as a single letter, and mention any assumption that you had to make. Remember \
            that the river floods in spring, so the work has to be finished before March.
            """
        ),
        ("Chinese", String(repeating: "人工智能正在改变我们的生活方式,请解释其中的主要原因。", count: 5)),
        ("emoji", String(repeating: "Great 😀👍🏽! Ça marche 👨‍👩‍👧 très bien 🎉, ", count: 13)),
    ]

    @Test("128 tokens in under 100 us", arguments: texts)
    func speed(name: String, text: String) throws {
        let embedder = try GoldenFiles.embedder.get()
        // The longest prefix of words, or else of characters, that has no more than 128 tokens.
        var prefix = text
        while embedder.tokenIDs(prefix).count > 128 { prefix.removeLast() }
        let bytes = Array(prefix.utf8)
        let tokens = embedder.tokenIDs(prefix).count
        #expect(tokens >= 120)
        func median(_ body: (UnsafeBufferPointer<UInt8>) -> Int) -> Double {
            var times: [Double] = []
            var sum = 0
            for _ in 0..<300 {
                let time = ThreadTime.measure {
                    for _ in 0..<10 { sum += bytes.withUnsafeBufferPointer(body) }
                }
                times.append(Double(time.components.attoseconds) / 1e12 / 10)
            }
            #expect(sum > 0)
            return times.sorted()[times.count / 2]
        }
        let tokenise = median { embedder.tokenIDs(utf8: $0).count }
        let embed = median { embedder.embed(utf8: $0).tokenCount }
        print("\(name), \(tokens) tokens, \(bytes.count) bytes: tokenise \(tokenise) us, and embed \(embed) us")
        #expect(embed < 100)
    }

    @Test("One megabyte in under 50 ms")
    func megabyte() throws {
        let embedder = try GoldenFiles.embedder.get()
        for unit in ["word ", "x", " ", "你"] {
            let bytes = Array(String(repeating: unit, count: (1 << 20) / unit.utf8.count).utf8)
            let time = (0..<5).map { _ in
                ThreadTime.measure { _ = bytes.withUnsafeBufferPointer(embedder.embed(utf8:)) }
            }.min()
            print("1 MB of \(unit.debugDescription): \(time ?? .zero)")
            #expect(try #require(time) < .milliseconds(50))
        }
    }

    @Test("Mapping and checking the table")
    func mapping() throws {
        var count = 0
        let time = try (0..<5).map { _ in
            try ThreadTime.measure { count += try EmbeddingTable(mapping: GoldenFiles.tablePath).tokenCount }
        }.min()
        print("mapping the table: \(time ?? .zero)")
        #expect(count == 5 * 30_522)
    }
}
