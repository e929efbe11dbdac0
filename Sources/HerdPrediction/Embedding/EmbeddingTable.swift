/// The mapped table of wordpiece vectors, with the vocabulary and character classes that belong to it.
///
/// `Resources/embedding/PROVENANCE.md` says where it comes from. Read-only and shared: one per process is enough.
package final class EmbeddingTable: Sendable {
    /// The length of every vector.
    package static let dimension = 256

    /// The path that was mapped, as given.
    package let path: String
    /// The CRC-64/XZ of the file's content, 16 hexadecimal digits: the name of this table. Vectors of tables with other
    /// names must not be mixed.
    package let checksum: String
    /// How many tokens the vocabulary has; token ids are below it.
    package let tokenCount: Int

    let classes: CharacterClasses
    let trie: WordPieceTrie
    let asciiActions: AsciiActions
    let specialTokens: [SpecialToken]
    let unknownToken: Int32
    /// The most characters that a word may have before it becomes the unknown token.
    let longestWord: Int
    nonisolated(unsafe) let scales: UnsafePointer<Float>
    nonisolated(unsafe) let rows: UnsafePointer<Int8>
    private let file: MappedFile

    /// Maps the file at `path` and checks all of it, a matter of tens of milliseconds.
    ///
    /// Throws an `EmbeddingTableError` that says what is wrong with the file and what to do about it.
    package init(mapping path: String) throws(EmbeddingTableError) {
        do throws(MappingFailure) {
            file = try MappedFile(path: path)
        } catch {
            throw EmbeddingTableError(reason: .unreadable, path: path, detail: error.detail)
        }
        do throws(TableDefect) {
            let layout = try TableLayout(file.bytes)
            let vocabulary = try Vocabulary(layout)
            classes = try CharacterClasses(layout)
            trie = try WordPieceTrie(vocabulary)
            specialTokens = vocabulary.specialTokens
            asciiActions = AsciiActions(classes: classes, specialTokens: vocabulary.specialTokens)
            unknownToken = layout.unknownToken
            longestWord = layout.longestWord
            tokenCount = layout.tokens
            checksum = hex(layout.checksum)
            let scales = layout.section(.scales, of: Float.self)
            guard scales.allSatisfy({ $0.isFinite }), let firstScale = scales.baseAddress,
                let firstRow = layout.section(.rows, of: Int8.self).baseAddress
            else { throw TableDefect(.damaged, "a scale is not a finite number") }
            self.scales = firstScale
            rows = firstRow
        } catch {
            throw EmbeddingTableError(reason: error.reason, path: path, detail: error.detail)
        }
        self.path = path
    }
}
