import HerdPrediction
import Testing

@Suite("Tokens are those of the reference tokenizer")
struct TokenisationTests {
    let embedder: TextEmbedder

    init() throws { embedder = try GoldenFiles.embedder.get() }

    struct GoldenText: Decodable {
        var text: String
        var times: Int
        var count: Int
        var first: [Int32]
        var checksum: String
    }

    @Test("for chosen texts")
    func chosenTexts() throws {
        let golden = try GoldenFiles.decode("texts.jsonl", as: GoldenText.self)
        #expect(golden.count > 50)
        for line in golden {
            let text = String(repeating: line.text, count: line.times)
            let ids = embedder.tokenIDs(text, limit: .max)
            #expect(Array(ids.prefix(520)) == line.first, "\(line.text.debugDescription) x \(line.times)")
            #expect(ids.count == line.count)
            #expect(GoldenFiles.checksum(ids) == UInt64(line.checksum, radix: 16))
            #expect(embedder.tokenIDs(text) == Array(ids.prefix(512)))
            #expect(embedder.tokenIDs(utf8: text, limit: 7) == Array(ids.prefix(7)))
        }
    }

    @Test("for 10,000 random Unicode strings")
    func randomStrings() throws {
        let golden = try GoldenFiles.lines("random.txt")
        #expect(golden.count == 10_000)
        print("random strings: seed \(RandomStrings.seed)")
        var different: [Int] = []
        for (number, line) in golden.enumerated() {
            let ids = embedder.tokenIDs(RandomStrings.string(number), limit: .max)
            let checksum = UInt32(truncatingIfNeeded: GoldenFiles.checksum(ids))
            let fields = line.split(separator: " ")
            if Int(fields[0]) != ids.count || UInt32(fields[1], radix: 16) != checksum { different.append(number) }
        }
        #expect(different.isEmpty, "strings \(different.prefix(20)), \(different.count) in all")
    }

    @Test("for every code point between two letters")
    func everyCodePoint() throws {
        let golden = try GoldenFiles.lines("code_points.txt")
        #expect(golden.count == 0x11_0000 / 256)
        var different: [String] = []
        for (block, line) in golden.enumerated() {
            var checksum = CRC64()
            for scalar in (0..<256).compactMap({ Unicode.Scalar(UInt32(block * 256 + $0)) }) {
                GoldenFiles.add(embedder.tokenIDs("a\(Character(scalar))b") + [-1], to: &checksum)
            }
            if UInt32(line, radix: 16) != UInt32(truncatingIfNeeded: checksum.value) {
                different.append(String(block * 256, radix: 16))
            }
        }
        #expect(different.isEmpty, "blocks \(different.prefix(20)), \(different.count) in all")
    }

    @Test("and a limit of nothing gives nothing", arguments: [0, -1, .min])
    func noLimit(limit: Int) {
        #expect(embedder.tokenIDs("some text", limit: limit) == [])
    }

    @Test("where a word whose last piece is unknown is cut by the limit, the unknown token is what counts")
    func unknownWordAtTheLimit() {
        // The emoji is no piece, so the whole word is unknown although its first pieces are known.
        let text = "word antidisestablishmentarianism\u{1F9FF}"
        let all = embedder.tokenIDs(text, limit: .max)
        #expect(all == [2773, 100])
        #expect(embedder.tokenIDs(text, limit: 2) == all)
    }
}

extension TextEmbedder {
    /// The ids of a text by way of its UTF-8.
    func tokenIDs(utf8 text: String, limit: Int) -> [Int32] {
        Array(text.utf8).withUnsafeBufferPointer { tokenIDs(utf8: $0, limit: limit) }
    }
}
