import HerdPrediction

/// An embedding as the store keeps it: a version byte, the token counts, the table's checksum, then little-endian floats.
struct StoredEmbedding {
    private static let formatVersion: UInt8 = 1
    private static let headerLength = 10
    private static let floats = 2 * EmbeddingTable.dimension

    let embedding: PromptEmbedding
    private let table: [UInt8]

    init(_ embedding: PromptEmbedding, table: String) {
        self.embedding = embedding
        self.table = Array(table.utf8.prefix(255))
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = [Self.formatVersion]
        func append(_ value: UInt32) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        append(UInt32(clamping: embedding.tokenCount))
        append(UInt32(clamping: embedding.estimatedTokens))
        bytes.append(UInt8(table.count))
        bytes += table
        for value in embedding.whole { append(value.bitPattern) }
        for value in embedding.tail { append(value.bitPattern) }
        return bytes
    }

    /// Whether the length is what the record states, whatever table it is of.
    static func isRecord(_ bytes: [UInt8]) -> Bool {
        bytes.count >= headerLength && bytes[0] == formatVersion
            && bytes.count == headerLength + Int(bytes[9]) + 4 * floats
    }

    /// Nil for another format, another table or a wrong length: the prompt is embedded anew.
    init?(bytes: [UInt8], table: String) {
        let expected = Array(table.utf8.prefix(255))
        let start = Self.headerLength + expected.count
        guard bytes.count == start + 4 * Self.floats, bytes[0] == Self.formatVersion, bytes[9] == UInt8(expected.count),
            bytes[Self.headerLength..<start].elementsEqual(expected)
        else { return nil }
        func word(_ offset: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << (8 * UInt32($1)) }
        }
        func vector(_ offset: Int) -> [Float] {
            (0..<EmbeddingTable.dimension).map { Float(bitPattern: word(offset + 4 * $0)) }
        }
        embedding = PromptEmbedding(
            whole: vector(start), tail: vector(start + 4 * EmbeddingTable.dimension), tokenCount: Int(word(1)),
            estimatedTokens: Int(word(5)))
        self.table = expected
    }
}
