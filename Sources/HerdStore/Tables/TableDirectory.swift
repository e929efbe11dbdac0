import CLMDB

/// The LMDB handles of an open environment's tables, fixed while it is open.
final class TableDirectory: Sendable {
    /// The declared tables, in order, `meta` first.
    let tables: [TableID]
    /// The handle by table number; `undeclared` where the environment has none.
    private let handles: [MDB_dbi]
    let path: String

    /// The damaged records that were met, each once, as far as they are worth remembering.
    private let damaged = Monitor<Set<[UInt8]>>([])
    private static let mostDamaged = 10_000

    private static let undeclared = MDB_dbi.max

    init(_ opened: [(TableID, MDB_dbi)], path: String) {
        var handles = [MDB_dbi](repeating: Self.undeclared, count: (opened.map(\.0.number).max() ?? -1) + 1)
        for (table, handle) in opened { handles[table.number] = handle }
        self.tables = opened.map(\.0)
        self.handles = handles
        self.path = path
    }

    func handle(_ table: TableID) throws(StoreError) -> MDB_dbi {
        guard table.number < handles.count, handles[table.number] != Self.undeclared else {
            throw StoreError(
                .unknownTable, "the store \(path) was opened without table \(table.name); declare it when opening",
                table: table.name)
        }
        return handles[table.number]
    }

    /// How many different records were met that do not match their checksum, at most 10,000.
    var damagedRecords: Int { damaged.withLock { damaged in damaged.count } }

    func noteDamage(_ table: TableID, _ key: [UInt8]) {
        damaged.withLock { damaged in
            if damaged.count < Self.mostDamaged { damaged.insert(Array(table.name.utf8) + [0] + key) }
        }
    }
}
