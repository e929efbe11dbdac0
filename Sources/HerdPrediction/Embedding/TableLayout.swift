/// Where the parts of a table file lie, checked against the file's size. `Scripts/embedding/table_file.py` describes the
/// format.
struct TableLayout {
    static let magic = "HERDEMBT"
    static let formatVersion = 1
    static let checksumOffset = 40
    static let headerSize = 176
    static let codePointsPerBlock = 128
    static let codePointBlocks = 0x11_0000 / codePointsPerBlock

    /// The sections in the order of the header.
    enum Section: Int, CaseIterable {
        case tokenStarts, tokenBytes, specialTokens, classBlocks, classEntries, classElements, scales, rows
    }

    let bytes: UnsafeRawBufferPointer
    let tokens: Int
    let longestWord: Int
    let unknownToken: Int32
    let checksum: UInt64
    private let sections: [Range<Int>]

    /// Reads the header; throws what contradicts itself or the size of `bytes`.
    init(_ bytes: UnsafeRawBufferPointer) throws(TableDefect) {
        guard bytes.count >= Self.headerSize, bytes.prefix(8).elementsEqual(Self.magic.utf8) else {
            throw TableDefect(.notATable, "it does not start with \(Self.magic) and a whole header")
        }
        func word(_ offset: Int) -> Int {
            Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
        }
        func long(_ offset: Int) -> UInt64 {
            UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        guard word(8) == Self.formatVersion else {
            throw TableDefect(.unsupportedFormat, "its format version is \(word(8)), not \(Self.formatVersion)")
        }
        guard word(12) == EmbeddingTable.dimension else {
            throw TableDefect(.unsupportedFormat, "its dimension is \(word(12)), not \(EmbeddingTable.dimension)")
        }
        guard long(32) == UInt64(bytes.count) else {
            throw TableDefect(.damaged, "it has \(bytes.count) bytes and not the \(long(32)) of its header")
        }
        var crc = CRC64()
        crc.update(UnsafeRawBufferPointer(rebasing: bytes[..<Self.checksumOffset]))
        crc.update(UnsafeRawBufferPointer(rebasing: bytes[(Self.checksumOffset + 8)...]))
        checksum = long(Self.checksumOffset)
        guard crc.value == checksum else {
            throw TableDefect(.damaged, "its checksum is \(hex(crc.value)) and not the \(hex(checksum)) of its header")
        }

        self.bytes = bytes
        tokens = word(16)
        longestWord = word(20)
        guard 1..<(1 << 24) ~= tokens, 1...1000 ~= longestWord, word(24) < tokens else {
            throw TableDefect(.damaged, "the sizes in its header are out of range")
        }
        unknownToken = Int32(word(24))
        var sections: [Range<Int>] = []
        for section in Section.allCases {
            let entry = 48 + 16 * section.rawValue
            let offset = long(entry)
            let (end, overflow) = offset.addingReportingOverflow(long(entry + 8))
            guard !overflow, offset >= Self.headerSize, offset % 64 == 0, end <= UInt64(bytes.count) else {
                throw TableDefect(.damaged, "its section \(section) lies outside the file")
            }
            sections.append(Int(offset)..<Int(end))
        }
        self.sections = sections
        try checkLength(.tokenStarts, 4 * (tokens + 1))
        try checkLength(.classBlocks, 2 * Self.codePointBlocks)
        try checkLength(.scales, 4 * tokens)
        try checkLength(.rows, EmbeddingTable.dimension * tokens)
        guard sections[Section.classEntries.rawValue].count % (4 * Self.codePointsPerBlock) == 0,
            sections[Section.classElements.rawValue].count % 4 == 0,
            sections[Section.specialTokens.rawValue].count % 4 == 0
        else { throw TableDefect(.damaged, "a section is not a whole number of entries") }
    }

    private func checkLength(_ section: Section, _ length: Int) throws(TableDefect) {
        guard sections[section.rawValue].count == length else {
            throw TableDefect(.damaged, "its section \(section) has not the \(length) bytes that the header implies")
        }
    }

    /// The section's contents in place. Sections are aligned to 64 bytes, so `Element` may be any integer or float.
    func section<Element: BitwiseCopyable>(_ section: Section, of: Element.Type) -> UnsafeBufferPointer<Element> {
        UnsafeRawBufferPointer(rebasing: bytes[sections[section.rawValue]]).assumingMemoryBound(to: Element.self)
    }
}

/// What is wrong with a table file, before its path is known.
struct TableDefect: Error {
    let reason: EmbeddingTableError.Reason
    let detail: String

    init(_ reason: EmbeddingTableError.Reason, _ detail: String) {
        self.reason = reason
        self.detail = detail
    }
}

/// 16 hexadecimal digits.
func hex(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
}
