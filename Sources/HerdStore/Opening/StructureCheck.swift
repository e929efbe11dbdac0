/// Checks that every page LMDB could follow a pointer to is where and what it should be, before LMDB maps the file.
///
/// LMDB keeps no checksums of pages and trusts them: a damaged pointer or length is a crash. Values are not read, their own
/// checksums guard them. See `PageLayout`.
struct StructureCheck: ~Copyable {
    private let file: DataFile
    private let pageBytes: Int
    private let lastPage: UInt64
    /// A bit for each page that is referred to already.
    private var seen: [UInt64]

    /// More than any map has.
    private static let maximumBytes = 1 << 46

    private typealias Layout = PageLayout

    /// Checks a store's file, where there is one and its pages in use have at most `limit` bytes; of a larger one only the
    /// first two pages.
    ///
    /// - Throws: `damaged` saying what is wrong, or what the disk says.
    static func run(_ path: String, limit: Int) throws(StoreError) {
        guard let file = try DataFile.open(path) else { return }
        let first = try FileHeader(file, at: 0, path)
        let second = try FileHeader(file, at: first.pageBytes, path)
        let header = second.transaction > first.transaction ? second : first
        guard first.pageBytes == second.pageBytes else { throw Self.error(path, "its two headers differ") }
        let pages = header.lastPage + 1
        guard header.lastPage >= 1, pages <= UInt64(maximumBytes / header.pageBytes) else {
            throw Self.error(path, "its header counts \(header.lastPage) pages")
        }
        guard pages <= UInt64(limit / header.pageBytes) else { return }
        var check = StructureCheck(file, header)
        try check.walk(header)
    }

    private init(_ file: consuming DataFile, _ header: FileHeader) {
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

// MARK: - The trees

extension StructureCheck {
    /// Which table a page belongs to, which says what its values are.
    private enum Tree { case free, main, records }

    private mutating func walk(_ header: FileHeader) throws(StoreError) {
        try walk(header.main, .main)
        try walk(header.free, .free)
    }

    private mutating func walk(_ table: TableRecord, _ tree: Tree) throws(StoreError) {
        let isEmpty = table.root == Layout.noPage
        // Only the list of free pages has flags (MDB_INTEGERKEY); this store makes no table with any.
        guard isEmpty ? table.depth == 0 : (1...Layout.deepest).contains(table.depth),
            table.flags == (tree == .free ? Layout.integerKeys : 0),
            table.counts.allSatisfy({ count in count <= UInt64(file.byteCount) })
        else { throw bad("a table's record is not sound") }
        if !isEmpty { try walk(page: table.root, levels: table.depth, tree) }
    }

    private mutating func walk(page number: UInt64, levels: Int, _ tree: Tree) throws(StoreError) {
        let page = try claim(number)
        guard let lower = page.field(UInt16.self, at: 12), let upper = page.field(UInt16.self, at: 14),
            let flags = page.field(UInt16.self, at: 10),
            flags == (levels == 1 ? Layout.leafPage : Layout.branchPage),
            Int(lower) > Layout.pageHeaderBytes, lower % 2 == 0, lower <= upper, Int(upper) <= pageBytes
        else { throw bad("page \(number) is not sound") }
        let nodes = stride(from: Layout.pageHeaderBytes, to: Int(lower), by: 2).compactMap { slot in
            page.field(UInt16.self, at: slot).flatMap { offset in PageNode(page, at: Int(offset), isLeaf: levels == 1) }
        }
        // LMDB moves records about by their lengths: together they must fill the page's end without gap or overlap.
        let extents = nodes.map(\.extent).sorted { one, other in one.lowerBound < other.lowerBound }
        let end = extents.reduce(Int(upper)) { end, extent in extent.lowerBound == end ? extent.upperBound : -1 }
        guard end == pageBytes, nodes.count == (Int(lower) - Layout.pageHeaderBytes) / 2 else {
            throw bad("page \(number) has a record out of place")
        }
        for node in nodes {
            if levels > 1 {
                try walk(page: node.child, levels: levels - 1, tree)
            } else {
                try check(node, of: page, number, tree)
            }
        }
    }

    private mutating func check(_ node: PageNode, of page: [UInt8], _ number: UInt64, _ tree: Tree) throws(StoreError) {
        var value = page[node.valueStart...]
        switch node.flags {
        case Layout.valueOnOverflowPages:
            guard let first = page.field(UInt64.self, at: node.valueStart) else {
                throw bad("page \(number) has a value out of place")
            }
            value = try claimLongValue(first, bytes: node.valueBytes, isRead: tree == .free)
        case Layout.valueIsTable where tree == .main:
            guard let table = TableRecord(page, at: node.valueStart), node.valueBytes == Layout.tableBytes else {
                throw bad("page \(number) has a table out of place")
            }
            return try walk(table, .records)
        case 0:
            break
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
        guard page.field(UInt16.self, at: 10) == Layout.overflowPage,
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
}
