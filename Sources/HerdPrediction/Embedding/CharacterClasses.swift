/// What the reference tokenizer turns each code point into, read from the mapped table.
///
/// `Scripts/embedding/character_classes.py`, which finds it out, describes the encoding. Valid as long as the table that
/// it is part of.
struct CharacterClasses: Sendable {
    /// What happens to a code point.
    enum Kind: UInt32 {
        /// It is part of a word.
        case keep
        /// It leaves nothing.
        case drop
        /// It ends a word.
        case blank
        /// It is a word of its own.
        case alone
        /// It becomes several elements, or a mark that has to be sorted.
        case list
        /// It becomes another code point, part of a word.
        case keepAs
        /// It becomes another code point, a word of its own.
        case aloneAs
    }

    /// An entry of the table: a kind in 3 bits and what belongs to it.
    struct Entry {
        let bits: UInt32

        var kind: Kind { Kind(rawValue: bits & 7) ?? .drop }
        /// The code point that `keepAs` and `aloneAs` give.
        var codePoint: UInt32 { bits >> 8 }
        /// The elements that `list` gives.
        var elements: Range<Int> {
            let start = Int(bits >> 8)
            return start..<start + Int(bits >> 3 & 31)
        }
    }

    /// One of the code points that a code point turns into.
    struct Element {
        enum Class: UInt32 {
            case word, alone, blank, nothing
        }

        let bits: UInt32

        var codePoint: UInt32 { bits >> 10 }
        /// 0 for a starter; marks between two starters are sorted by rank, which rises with the canonical combining
        /// class.
        var rank: UInt32 { bits >> 2 & 0xFF }
        var `class`: Class { Class(rawValue: bits & 3) ?? .nothing }
    }

    private nonisolated(unsafe) let blocks: UnsafePointer<UInt16>
    private nonisolated(unsafe) let entries: UnsafePointer<UInt32>
    private nonisolated(unsafe) let elements: UnsafePointer<UInt32>
    /// The most elements that one code point turns into, at least 1.
    let longestExpansion: Int

    /// Checks that every entry can be followed; throws where one cannot.
    init(_ layout: TableLayout) throws(TableDefect) {
        let blocks = layout.section(.classBlocks, of: UInt16.self)
        let entries = layout.section(.classEntries, of: UInt32.self)
        let elements = layout.section(.classElements, of: UInt32.self)
        let defect = TableDefect(.damaged, "its character classes contradict each other")
        var longest = 1
        for block in blocks where (Int(block) + 1) * TableLayout.codePointsPerBlock > entries.count { throw defect }
        for entry in entries.lazy.map(Entry.init) {
            guard Kind(rawValue: entry.bits & 7) != nil else { throw defect }
            switch entry.kind {
            case .list:
                guard !entry.elements.isEmpty, entry.elements.upperBound <= elements.count else { throw defect }
                longest = max(longest, entry.elements.count)
            case .keepAs, .aloneAs:
                guard Unicode.Scalar(entry.codePoint) != nil else { throw defect }
            case .keep, .drop, .blank, .alone:
                break
            }
        }
        for element in elements.lazy.map(Element.init) {
            guard Unicode.Scalar(element.codePoint) != nil, element.rank == 0 || element.class == .word else {
                throw defect
            }
        }
        guard let firstBlock = blocks.baseAddress, let firstEntry = entries.baseAddress,
            let firstElement = elements.baseAddress
        else { throw defect }
        self.blocks = firstBlock
        self.entries = firstEntry
        self.elements = firstElement
        longestExpansion = longest
    }

    /// The entry of a code point under 0x110000.
    @inline(__always)
    func entry(_ codePoint: UInt32) -> Entry {
        let block = Int(blocks[Int(codePoint >> 7)])
        return Entry(bits: entries[block << 7 | Int(codePoint & 127)])
    }

    /// The element at an index of `Entry.elements`.
    @inline(__always)
    func element(_ index: Int) -> Element { Element(bits: elements[index]) }
}
