import CVectors

/// Tokenises and embeds texts with one table.
///
/// Token ids are exactly those of the pinned BERT-uncased WordPiece tokenizer without [CLS] and [SEP]; as with it,
/// "[SEP]" and its like in a text become the special token. Vectors have the same bits on every CPU.
package struct TextEmbedder: Sendable {
    /// How many tokens from its start a text is judged by.
    package static let wholeTokens = 512
    /// How many tokens from its end make the second vector.
    package static let tailTokens = 64

    package let table: EmbeddingTable

    package init(table: EmbeddingTable) {
        self.table = table
    }

    // MARK: - Tokens

    /// The first `limit` token ids of a text; none where the limit is not positive.
    package func tokenIDs(_ text: String, limit: Int = wholeTokens) -> [Int32] {
        var text = text
        return text.withUTF8 { tokenIDs(utf8: $0, limit: limit) }
    }

    /// The first `limit` token ids of a text in UTF-8; what is ill-formed counts as U+FFFD, which leaves no token.
    package func tokenIDs(utf8 text: UnsafeBufferPointer<UInt8>, limit: Int = wholeTokens) -> [Int32] {
        let capacity = min(limit, mostTokens(bytes: text.count))
        guard capacity > 0 else { return [] }
        return [Int32](unsafeUninitializedCapacity: capacity) { ids, count in
            count = WordPieceScanner.scan(text, table: table, into: ids).tokens
        }
    }

    /// A bound on the tokens of a text of that many bytes.
    private func mostTokens(bytes: Int) -> Int { bytes * table.classes.longestExpansion }

    // MARK: - Vectors

    /// The vectors of a text.
    package func embed(_ text: String) -> PromptEmbedding {
        var text = text
        return text.withUTF8 { embed(utf8: $0) }
    }

    /// The vectors of a text in UTF-8; what is ill-formed counts as U+FFFD, which leaves no token.
    ///
    /// Past 512 tokens the rest of the text is not read but for its end, so the cost is bounded by the first 512 tokens
    /// and 64 KiB at the end (and by the blanks and the one word in which a text may consist).
    package func embed(utf8 text: UnsafeBufferPointer<UInt8>) -> PromptEmbedding {
        // One token more than counts shows whether there are more.
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: Self.wholeTokens + 1) { buffer in
            let (found, bytes) = WordPieceScanner.scan(text, table: table, into: buffer)
            let ids = UnsafeBufferPointer(rebasing: buffer[..<min(found, Self.wholeTokens)])
            let whole = normalisedSum(ids)
            guard found > Self.wholeTokens else {
                return PromptEmbedding(
                    whole: whole, tail: ids.count <= Self.tailTokens ? whole : normalisedSum(ids.lastTokens),
                    tokenCount: ids.count, estimatedTokens: ids.count)
            }
            let perByte = Double(found) / Double(max(1, bytes))
            return PromptEmbedding(
                whole: whole, tail: tail(of: text) ?? normalisedSum(ids.lastTokens), tokenCount: ids.count,
                estimatedTokens: max(found, Int((perByte * Double(text.count)).rounded())))
        }
    }

    /// The vector of the text's last 64 tokens, from the smallest of three windows at its end that holds as many.
    ///
    /// A window starts behind an ASCII blank in its first half, so that it gives the tokens that the whole text ends
    /// with; a text without blanks is cut between code points. Nil where not even the largest window gives a token.
    private func tail(of text: UnsafeBufferPointer<UInt8>) -> [Float]? {
        guard let last = text.lastIndex(where: { !isBlank($0) }) else { return nil }
        let trimmed = UnsafeBufferPointer(rebasing: text[...last])
        for size in [1 << 10, 1 << 13, 1 << 16] {
            let window = window(of: trimmed, size: size)
            let vector = withUnsafeTemporaryAllocation(of: Int32.self, capacity: mostTokens(bytes: window.count)) {
                ids -> [Float]? in
                let found = WordPieceScanner.scan(window, table: table, into: ids).tokens
                let isLast = size == 1 << 16 || window.count == trimmed.count
                guard found >= Self.tailTokens || (isLast && found > 0) else { return nil }
                return normalisedSum(UnsafeBufferPointer(rebasing: ids[..<found]).lastTokens)
            }
            if let vector { return vector }
        }
        return nil
    }

    private func window(of text: UnsafeBufferPointer<UInt8>, size: Int) -> UnsafeBufferPointer<UInt8> {
        guard text.count > size else { return text }
        let window = text[(text.count - size)...]
        let start =
            window.prefix(size / 2).firstIndex(where: isBlank)
            ?? window.prefix(4).firstIndex { $0 & 0xC0 != 0x80 } ?? window.startIndex
        return UnsafeBufferPointer(rebasing: window[start...])
    }

    private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    /// The sum of the tokens' rows over its length: the L2-normalised mean, whose division by the count cancels.
    private func normalisedSum(_ ids: UnsafeBufferPointer<Int32>) -> [Float] {
        [Float](unsafeUninitializedCapacity: EmbeddingTable.dimension) { sum, count in
            count = EmbeddingTable.dimension
            guard let sum = sum.baseAddress else { return }
            herd_sum_rows_i8(table.rows, table.scales, ids.baseAddress, ids.count, sum)
            herd_normalise_f32(sum, count)
        }
    }
}

extension UnsafeBufferPointer<Int32> {
    /// Those that the second vector counts.
    fileprivate var lastTokens: Self { Self(rebasing: self[Swift.max(0, count - TextEmbedder.tailTokens)...]) }
}
