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
        let size = Self.headerLength + table.count + 4 * (embedding.whole.count + embedding.tail.count)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        bytes.append(Self.formatVersion)
        for count in [embedding.tokenCount, embedding.estimatedTokens] {
            withUnsafeBytes(of: UInt32(clamping: count).littleEndian) { bytes.append(contentsOf: $0) }
        }
        bytes.append(UInt8(table.count))
        bytes += table
        for vector in [embedding.whole, embedding.tail] {
            // As they are in memory where that is the order of bytes already.
            #if _endian(little)
            vector.withUnsafeBytes { bytes.append(contentsOf: $0) }
            #else
            for value in vector { withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) } }
            #endif
        }
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
            bytes.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) }
        }
        func vector(_ offset: Int) -> [Float] {
            bytes.withUnsafeBytes { bytes in
                [Float](unsafeUninitializedCapacity: EmbeddingTable.dimension) { values, count in
                    for index in 0..<EmbeddingTable.dimension {
                        let word = bytes.loadUnaligned(fromByteOffset: offset + 4 * index, as: UInt32.self)
                        values.initializeElement(at: index, to: Float(bitPattern: UInt32(littleEndian: word)))
                    }
                    count = EmbeddingTable.dimension
                }
            }
        }
        embedding = PromptEmbedding(
            whole: vector(start), tail: vector(start + 4 * EmbeddingTable.dimension), tokenCount: Int(word(1)),
            estimatedTokens: Int(word(5)))
        self.table = expected
    }
}
