/// Checks that every page LMDB could follow a pointer to is where and what it should be, before LMDB maps the file.
///
/// LMDB keeps no checksums of pages and trusts them: a damaged pointer or length is a crash. Values are not read, their own
/// checksums guard them. The layout is that of LMDB 0.9 (`lmdb/libraries/liblmdb/mdb.c`, `MDB_page`, `MDB_node`, `MDB_meta`)
/// on a 64-bit machine.
struct StructureCheck: ~Copyable {
    private let file: DataFile
    private let pageBytes: Int
    private let lastPage: UInt64
    /// A bit for each page that is referred to already.
    private var seen: [UInt64]

    private enum Layout {
        static let pageHeaderBytes = 16
        static let nodeHeaderBytes = 8
        static let tableBytes = 48
        static let metaBytes = 136
        static let magic: UInt32 = 0xBEEF_C0DE
        static let version: UInt32 = 1
        static let noPage = UInt64.max
        static let deepest = 32
        static let branchPage: UInt16 = 0x01
        static let leafPage: UInt16 = 0x02
        static let overflowPage: UInt16 = 0x04
        static let metaPage: UInt16 = 0x08
        /// The kinds of page, and those that only tables with duplicates have.
        static let pageKinds: UInt16 = 0x6F
        static let valueOnOverflowPages: UInt16 = 0x01
        static let valueIsTable: UInt16 = 0x02
    }

    /// Checks a store's file, where there is one and its pages in use have at most `limit` bytes; of a larger one only the
    /// first two pages.
    ///
    /// - Throws: `damaged` saying what is wrong, or what the disk says.
    static func run(_ path: String, limit: Int) throws(StoreError) {
        guard let file = try DataFile.open(path) else { return }
        let first = try Header(file, at: 0, path)
        let second = try Header(file, at: first.pageBytes, path)
        let header = second.transaction > first.transaction ? second : first
        guard first.pageBytes == second.pageBytes else { throw Self.error(path, "its two headers differ") }
        let pages = header.lastPage + 1
        guard header.lastPage >= 1, pages <= UInt64(EnvironmentHandle.mapBytes / header.pageBytes) else {
            throw Self.error(path, "its header counts \(header.lastPage) pages")
        }
        guard pages <= UInt64(limit / header.pageBytes) else { return }
        var check = StructureCheck(file, header)
        try check.walk(header)
    }

    private init(_ file: consuming DataFile, _ header: Header) {
        self.file = file
        pageBytes = header.pageBytes
        lastPage = header.lastPage
        seen = [UInt64](repeating: 0, count: Int(header.lastPage / 64) + 1)
        seen[0] = 0b11
    }

    static func error(_ path: String, _ what: String) -> StoreError {
        StoreError(.damaged, "the store file \(path) is damaged: \(what); restore the folder from a backup")
    }
}

// MARK: - The first two pages

extension StructureCheck {
    /// One of the two headers, of which the one with the later transaction counts.
    struct Header {
        let pageBytes: Int
        let free: TableRecord
        let main: TableRecord
        let lastPage: UInt64
        let transaction: UInt64

        init(_ file: borrowing DataFile, at offset: Int, _ path: String) throws(StoreError) {
            let length = Layout.pageHeaderBytes + Layout.metaBytes
            guard let bytes = try file.read(at: offset, count: length) else {
                throw StructureCheck.error(path, "it ends within its header")
            }
            let start = Layout.pageHeaderBytes
            guard let flags = bytes.field(UInt16.self, at: 10), flags & Layout.metaPage != 0,
                bytes.field(UInt32.self, at: start) == Layout.magic
            else { throw StructureCheck.error(path, "it does not begin like one") }
            guard bytes.field(UInt32.self, at: start + 4) == Layout.version else {
                throw StructureCheck.error(path, "it has another format version")
            }
            guard let free = TableRecord(bytes, at: start + 24), let main = TableRecord(bytes, at: start + 72),
                let lastPage = bytes.field(UInt64.self, at: start + 120),
                let transaction = bytes.field(UInt64.self, at: start + 128),
                let pageBytes = bytes.field(UInt32.self, at: start + 24), (512...32768).contains(pageBytes),
                pageBytes.nonzeroBitCount == 1, lastPage < UInt64.max
            else { throw StructureCheck.error(path, "its header is not sound") }
            self.pageBytes = Int(pageBytes)
            self.free = free
            self.main = main
            self.lastPage = lastPage
            self.transaction = transaction
        }
    }

    /// What LMDB keeps of each table.
    struct TableRecord {
        let flags: UInt16
        let depth: Int
        let root: UInt64

        init?(_ bytes: [UInt8], at offset: Int) {
            guard let flags = bytes.field(UInt16.self, at: offset + 4),
                let depth = bytes.field(UInt16.self, at: offset + 6),
                let root = bytes.field(UInt64.self, at: offset + 40)
            else { return nil }
            self.flags = flags
            self.depth = Int(depth)
            self.root = root
        }
    }
}

// MARK: - The trees

extension StructureCheck {
    /// Which table a page belongs to, which says what its values are.
    private enum Tree { case free, main, records }

    private mutating func walk(_ header: Header) throws(StoreError) {
        try walk(header.main, .main)
        try walk(header.free, .free)
    }

    private mutating func walk(_ table: TableRecord, _ tree: Tree) throws(StoreError) {
        if table.root == Layout.noPage { return }
        // Only the list of free pages has flags (MDB_INTEGERKEY); this store makes no table with any.
        guard table.depth >= 1, table.depth <= Layout.deepest, table.flags == (tree == .free ? 8 : 0) else {
            throw bad("a table's record is not sound")
        }
        try walk(page: table.root, levels: table.depth, tree)
    }

    private mutating func walk(page number: UInt64, levels: Int, _ tree: Tree) throws(StoreError) {
        let page = try claim(number)
        guard let lower = page.field(UInt16.self, at: 12), let upper = page.field(UInt16.self, at: 14),
            let flags = page.field(UInt16.self, at: 10),
            flags & Layout.pageKinds == (levels == 1 ? Layout.leafPage : Layout.branchPage),
            Int(lower) > Layout.pageHeaderBytes, lower % 2 == 0, lower <= upper, Int(upper) <= pageBytes
        else { throw bad("page \(number) is not sound") }
        for slot in stride(from: Layout.pageHeaderBytes, to: Int(lower), by: 2) {
            guard let offset = page.field(UInt16.self, at: slot), offset >= upper, offset % 2 == 0,
                let node = Node(page, at: Int(offset))
            else { throw bad("page \(number) has a pointer out of place") }
            if levels > 1 {
                try walk(page: node.child, levels: levels - 1, tree)
            } else {
                try check(node, of: page, number, tree)
            }
        }
    }

    private mutating func check(_ node: Node, of page: [UInt8], _ number: UInt64, _ tree: Tree) throws(StoreError) {
        var value = page[node.valueStart...]
        switch node.flags {
        case Layout.valueOnOverflowPages:
            guard let first = page.field(UInt64.self, at: node.valueStart) else {
                throw bad("page \(number) has a value out of place")
            }
            value = try claimLongValue(first, bytes: node.valueBytes, isRead: tree == .free)
        case Layout.valueIsTable where tree == .main:
            guard let table = TableRecord(page, at: node.valueStart), node.valueBytes == Layout.tableBytes,
                node.valueStart + node.valueBytes <= pageBytes
            else { throw bad("page \(number) has a table out of place") }
            return try walk(table, .records)
        case 0:
            guard node.valueStart + node.valueBytes <= pageBytes else {
                throw bad("page \(number) has a value out of place")
            }
        default:
            throw bad("page \(number) has a record of unknown kind")
        }
        if tree == .free { try checkFreePages(Array(value.prefix(node.valueBytes)), number) }
    }

    /// A free list is a count and as many pages, which no one else may use.
    private mutating func checkFreePages(_ list: [UInt8], _ number: UInt64) throws(StoreError) {
        guard let count = list.field(UInt64.self, at: 0), count < UInt64(list.count / 8) else {
            throw bad("page \(number) has a free list out of place")
        }
        for index in 0..<Int(count) {
            guard let free = list.field(UInt64.self, at: 8 * (index + 1)), mark(free) else {
                throw bad("page \(number) lists a page as free that is not")
            }
        }
    }

    /// Notes the pages of a value that has some of its own; more than it needs where it replaced a longer one. Gives the
    /// value if it is read.
    private mutating func claimLongValue(
        _ first: UInt64, bytes: Int, isRead: Bool
    ) throws(StoreError) -> ArraySlice<UInt8> {
        let page = try claim(first)
        let needed = (Layout.pageHeaderBytes - 1 + bytes) / pageBytes + 1
        guard page.field(UInt16.self, at: 10).map({ flags in flags & Layout.pageKinds }) == Layout.overflowPage,
            let count = page.field(UInt32.self, at: 12), count >= UInt32(needed), UInt64(count) <= lastPage - first + 1
        else { throw bad("page \(first) is not the long value it should be") }
        let end = first + UInt64(count)
        for number in (first + 1)..<end where !mark(number) { throw bad("page \(number) is used twice") }
        guard Int(end) * pageBytes <= file.byteCount,
            let value = try file.read(
                at: Int(first) * pageBytes + Layout.pageHeaderBytes, count: isRead ? bytes : 0)
        else { throw bad("it ends before page \(end)") }
        return value[...]
    }

    /// Notes that a page is used, and reads it.
    private mutating func claim(_ number: UInt64) throws(StoreError) -> [UInt8] {
        guard number <= lastPage else { throw bad("page \(number) is beyond its end") }
        guard mark(number) else { throw bad("page \(number) is used twice") }
        guard let page = try file.read(at: Int(number) * pageBytes, count: pageBytes) else {
            throw bad("it ends before page \(number + 1)")
        }
        guard page.field(UInt64.self, at: 0) == number else { throw bad("page \(number) is not itself") }
        return page
    }

    /// False where the page is referred to already or beyond the last.
    private mutating func mark(_ number: UInt64) -> Bool {
        guard number <= lastPage else { return false }
        let bit = UInt64(1) << (number % 64)
        defer { seen[Int(number / 64)] |= bit }
        return seen[Int(number / 64)] & bit == 0
    }

    private func bad(_ what: String) -> StoreError { Self.error(file.path, what) }

    /// A key with its value or child page.
    private struct Node {
        let flags: UInt16
        let child: UInt64
        let valueStart: Int
        let valueBytes: Int

        /// Nil where header and key do not fit the page.
        init?(_ page: [UInt8], at offset: Int) {
            guard let low = page.field(UInt16.self, at: offset), let high = page.field(UInt16.self, at: offset + 2),
                let flags = page.field(UInt16.self, at: offset + 4),
                let keyBytes = page.field(UInt16.self, at: offset + 6)
            else { return nil }
            self.flags = flags
            child = UInt64(low) | UInt64(high) << 16 | UInt64(flags) << 32
            valueBytes = Int(low) | Int(high) << 16
            valueStart = offset + Layout.nodeHeaderBytes + Int(keyBytes)
            guard valueStart <= page.count else { return nil }
        }
    }
}
