/// Offsets and flags of LMDB 0.9's file (`lmdb/libraries/liblmdb/mdb.c`: `MDB_page`, `MDB_node`, `MDB_meta`, `MDB_db`) on
/// a 64-bit machine.
enum PageLayout {
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
    static let integerKeys: UInt16 = 0x08
    static let valueOnOverflowPages: UInt16 = 0x01
    static let valueIsTable: UInt16 = 0x02
}

/// One of the two headers, of which the one with the later transaction counts.
struct FileHeader {
    let pageBytes: Int
    let free: TableRecord
    let main: TableRecord
    let lastPage: UInt64
    let transaction: UInt64

    init(_ file: borrowing DataFile, at offset: Int, _ path: String) throws(StoreError) {
        let length = PageLayout.pageHeaderBytes + PageLayout.metaBytes
        guard let bytes = try file.read(at: offset, count: length) else {
            throw StructureCheck.error(path, "it ends within its header")
        }
        let start = PageLayout.pageHeaderBytes
        guard let flags = bytes.field(UInt16.self, at: 10), flags & PageLayout.metaPage != 0,
            bytes.field(UInt32.self, at: start) == PageLayout.magic
        else { throw StructureCheck.error(path, "it does not begin like one") }
        guard bytes.field(UInt32.self, at: start + 4) == PageLayout.version else {
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
    /// Branch, leaf and long value pages, and records.
    let counts: [UInt64]
    let root: UInt64

    init?(_ bytes: [UInt8], at offset: Int) {
        guard let flags = bytes.field(UInt16.self, at: offset + 4),
            let depth = bytes.field(UInt16.self, at: offset + 6),
            let root = bytes.field(UInt64.self, at: offset + 40)
        else { return nil }
        self.flags = flags
        self.depth = Int(depth)
        self.root = root
        counts = (1...4).compactMap { index in bytes.field(UInt64.self, at: offset + 8 * index) }
    }
}

/// A key with its value or child page.
struct PageNode {
    let flags: UInt16
    let child: UInt64
    let valueStart: Int
    let valueBytes: Int
    /// Where it lies in the page.
    let extent: Range<Int>

    /// Nil where it does not fit the page.
    init?(_ page: [UInt8], at offset: Int, isLeaf: Bool) {
        guard let low = page.field(UInt16.self, at: offset), let high = page.field(UInt16.self, at: offset + 2),
            let flags = page.field(UInt16.self, at: offset + 4),
            let keyBytes = page.field(UInt16.self, at: offset + 6)
        else { return nil }
        self.flags = flags
        child = UInt64(low) | UInt64(high) << 16 | UInt64(flags) << 32
        valueBytes = Int(low) | Int(high) << 16
        valueStart = offset + PageLayout.nodeHeaderBytes + Int(keyBytes)
        let storedBytes = !isLeaf ? 0 : flags & PageLayout.valueOnOverflowPages != 0 ? 8 : valueBytes
        let end = valueStart + storedBytes
        guard end <= page.count, !isLeaf || TransactionView.keyLengths.contains(Int(keyBytes)) else { return nil }
        extent = offset..<(end + end % 2)
    }
}
