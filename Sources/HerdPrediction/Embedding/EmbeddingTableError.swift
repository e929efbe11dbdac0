/// Why a file cannot serve as the embedding table.
package struct EmbeddingTableError: Error, Equatable, CustomStringConvertible {
    /// What is wrong, for code that tells the cases apart.
    package enum Reason: Sendable, Equatable {
        /// The file cannot be opened or mapped.
        case unreadable
        /// The file does not start as an embedding table does.
        case notATable
        /// The file is of a format version or dimension that this program does not know.
        case unsupportedFormat
        /// The file is shorter or longer than it says, its checksum does not match, or its parts contradict each other.
        case damaged
    }

    package let reason: Reason
    /// The file's path as it was given.
    package let path: String
    /// What was found, without the path.
    package let detail: String

    package var description: String {
        let remedy =
            switch reason {
            case .unreadable:
                "check the path and its permissions, or set HERD_RESOURCES to the folder that holds embedding/"
            case .notATable:
                "point it at minilm-l6-v2-256.table"
            case .unsupportedFormat:
                "take the table that was released with this version of Herd"
            case .damaged:
                "restore the file from the release or the repository, or rebuild it with "
                    + "Scripts/embedding/build_table.py"
            }
        return "the embedding table \(path) cannot be used: \(detail); \(remedy)"
    }
}
