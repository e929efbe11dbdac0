import Foundation
import HerdPrediction

/// The table and golden files of this checkout, and how golden files sum token ids up.
enum GoldenFiles {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    static let tablePath = root.appending(path: "Resources/embedding/minilm-l6-v2-256.table").path

    /// One embedder for all tests.
    static let embedder = Result { TextEmbedder(table: try EmbeddingTable(mapping: tablePath)) }

    static func lines(_ name: String) throws -> [Substring] {
        let url = root.appending(path: "Tests/HerdPredictionTests/Embedding/Golden/\(name)")
        return try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
    }

    static func decode<Line: Decodable>(_ name: String, as: Line.Type) throws -> [Line] {
        try lines(name).map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
    }

    /// The CRC-64 of the ids as little-endian 32-bit integers.
    static func add(_ ids: [Int32], to checksum: inout CRC64) {
        ids.map(\.littleEndian).withUnsafeBytes { checksum.update($0) }
    }

    static func checksum(_ ids: [Int32]) -> UInt64 {
        var checksum = CRC64()
        add(ids, to: &checksum)
        return checksum.value
    }
}
