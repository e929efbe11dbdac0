/// The tokens of a table file, checked: none empty, none with a NUL, special ids among them.
struct Vocabulary {
    /// Where each token starts in `bytes`, and where the last one ends.
    let starts: UnsafeBufferPointer<UInt32>
    let bytes: UnsafeBufferPointer<UInt8>
    let specialTokens: [SpecialToken]

    init(_ layout: TableLayout) throws(TableDefect) {
        starts = layout.section(.tokenStarts, of: UInt32.self)
        bytes = layout.section(.tokenBytes, of: UInt8.self)
        var previous: UInt32?
        for start in starts {
            guard previous.map({ $0 < start }) ?? (start == 0) else {
                throw TableDefect(.damaged, "its vocabulary has an empty token")
            }
            previous = start
        }
        guard previous.map(Int.init) == bytes.count, !bytes.contains(0) else {
            throw TableDefect(.damaged, "its vocabulary has a NUL or is not as long as its tokens")
        }
        var specialTokens: [SpecialToken] = []
        for id in layout.section(.specialTokens, of: UInt32.self) {
            guard id < layout.tokens else { throw TableDefect(.damaged, "a special token is not in its vocabulary") }
            let text = UnsafeBufferPointer(rebasing: bytes[Int(starts[Int(id)])..<Int(starts[Int(id) + 1])])
            specialTokens.append(SpecialToken(id: Int32(id), bytes: text))
        }
        // The longest of those that match is the one that counts.
        self.specialTokens = specialTokens.sorted { $0.bytes.count > $1.bytes.count }
    }

    /// The UTF-8 of token `id`, which is below the number of tokens.
    func token(_ id: Int) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(rebasing: bytes[Int(starts[id])..<Int(starts[id + 1])])
    }
}

/// A token that is taken literally from the raw text, such as "[SEP]", whatever surrounds it.
struct SpecialToken: Sendable {
    let id: Int32
    /// Its UTF-8, at least one byte, in the mapped table.
    nonisolated(unsafe) let bytes: UnsafeBufferPointer<UInt8>
}
