import Glibc
import HerdPrediction

extension FuzzTarget {
    /// A text through the tokenizer: ids of the vocabulary, no more than asked for, the same from the front however many are
    /// asked for, the same for bytes and for the text they make, and vectors of length 1 or 0.
    static let tokenizer = FuzzTarget(name: "tokenizer") { bytes in
        guard let embedder else { return Violation("there is no embedding table to read") }
        let text = bytes.bindMemory(to: UInt8.self)
        let ids = embedder.tokenIDs(utf8: text)
        guard ids.count <= TextEmbedder.wholeTokens else { return Violation("\(ids.count) tokens") }
        if let wrong = ids.first(where: { $0 < 0 || Int($0) >= embedder.table.tokenCount }) {
            return Violation("there is no token \(wrong)")
        }
        for limit in [0, 1, 5, 100] where embedder.tokenIDs(utf8: text, limit: limit) != Array(ids.prefix(limit)) {
            return Violation("the first \(limit) tokens are others than the first of all")
        }
        guard embedder.tokenIDs(String(decoding: bytes, as: UTF8.self)) == ids else {
            return Violation("the bytes have other tokens than the text that they make")
        }
        let embedding = embedder.embed(utf8: text)
        guard embedding.tokenCount == ids.count, embedding.estimatedTokens >= ids.count,
            embedding.estimatedTokens <= max(1, 20 * bytes.count)
        else { return Violation("\(embedding.estimatedTokens) tokens are estimated where \(ids.count) were found") }
        for vector in [embedding.whole, embedding.tail] {
            let length = vector.reduce(0) { $0 + $1 * $1 }
            guard length == 0 || abs(length - 1) < 1e-3 else { return Violation("a vector of length \(length)") }
        }
        return nil
    } seeds: {
        [
            "The quick brown fox, 2026-11-22!", "Stra\u{DF}e caf\u{E9} e\u{301}\u{323} \u{4E2D}\u{6587} \u{1F600}",
            "[SEP] [CLS] [UNK]x[MASK]", String(repeating: "a", count: 120) + " " + String(repeating: "z ", count: 700),
            "\u{1E9B}\u{323}\u{FB01}\u{212B}\u{AC00}\u{200D}\u{FFFD}\u{0}\t",
        ].map { Array($0.utf8) } + [[0xF0, 0x9F, 0x98, 0x61, 0xC0, 0x80, 0xED, 0xA0, 0x80, 0xFF]]
    }

    /// In the checkout: the fuzzer may run from anywhere.
    static let embedder: TextEmbedder? = {
        let folder = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let path = "/\(folder)/Resources/\(ResourceLocator.embeddingTable)"
        return (try? EmbeddingTable(mapping: path)).map { TextEmbedder(table: $0) }
    }()
}
