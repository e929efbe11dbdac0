import CLMDB

/// What reading and writing transactions have in common: looking up and scanning records of one snapshot.
///
/// A transaction is lent to a synchronous closure and cannot be copied, so nothing that points into the map outlives it.
package protocol ReadableTransaction: ~Copyable {
    /// The transaction as the store's own functions see it.
    var view: TransactionView { get }
}

/// An LMDB transaction with the tables of its environment; only the store looks inside.
///
/// Both outlive it, since it never leaves a call on the environment that owns them; counting references would double the
/// cost of a read.
@safe package struct TransactionView {
    let transaction: OpaquePointer
    private unowned(unsafe) let keptAlive: TableDirectory

    init(transaction: OpaquePointer, directory: TableDirectory) {
        unsafe self.transaction = transaction
        unsafe keptAlive = directory
    }

    var directory: TableDirectory { unsafe keptAlive }
}

extension ReadableTransaction where Self: ~Copyable {
    /// Lends the value of a key to `body`; nil where the table has no such key.
    ///
    /// - Throws: `dataLoss` where the record does not match its checksum, `invalidArgument` for a key of no or over
    ///   511 bytes, `unknownTable`.
    package func withValue<Key: TableKey, R>(
        for key: Key, in table: Table<Key>, _ body: (RawSpan) -> R
    ) throws(StoreError) -> R? {
        try key.withKeyBytes { keyBytes throws(StoreError) in
            guard let value = unsafe try view.find(keyBytes, in: table.id) else { return nil }
            return unsafe body(value.bytes)
        }
    }

    /// The same for a `body` that can fail.
    @_disfavoredOverload
    package func withValue<Key: TableKey, R>(
        for key: Key, in table: Table<Key>, _ body: (RawSpan) throws -> R
    ) throws -> R? {
        let result: Result<R, any Error>? = try withValue(for: key, in: table) { value in
            Result { try body(value) }
        }
        return try result?.get()
    }

    /// A copy of the value of a key; nil where the table has no such key. Errors as `withValue`.
    package func value<Key: TableKey>(for key: Key, in table: Table<Key>) throws(StoreError) -> [UInt8]? {
        try withValue(for: key, in: table) { value in [UInt8](keyBytes: value) }
    }

    /// Whether the table has the key; the value is not checked.
    package func contains<Key: TableKey>(_ key: Key, in table: Table<Key>) throws(StoreError) -> Bool {
        try key.withKeyBytes { keyBytes throws(StoreError) in
            unsafe try view.findStored(keyBytes, in: table.id) != nil
        }
    }

    /// The number of records of a table, without reading them.
    package func count<Key: TableKey>(of table: Table<Key>) throws(StoreError) -> Int {
        try view.statistics(of: table.id).entries
    }

    /// The records and pages of a table, without reading them.
    package func statistics(of table: TableID) throws(StoreError) -> TableStatistics {
        try view.statistics(of: table)
    }

    /// The names of all tables in the file, declared or not, by their bytes.
    package var tableNames: [String] {
        get throws(StoreError) { try view.tableNames() }
    }

    /// The number of the last commit this transaction sees; it rises with every commit that changes anything.
    package var revision: UInt64 { unsafe UInt64(mdb_txn_id(view.transaction)) }
}

extension TransactionView {
    static let keyLengths = 1...511

    /// The bytes stored for a key, checksum included.
    @unsafe func findStored(_ key: RawSpan, in table: TableID) throws(StoreError) -> UnsafeRawBufferPointer? {
        let handle = try directory.handle(table)
        try check(key, table)
        var value: UnsafeRawPointer?
        var length = 0
        let status = unsafe key.withUnsafeBytes { bytes in
            unsafe herd_lmdb_get(transaction, handle, bytes.baseAddress, bytes.count, &value, &length)
        }
        guard status == MDB_SUCCESS else {
            if status == MDB_NOTFOUND { return nil }
            throw StoreError.status(status, "reading", directory.path, table: table.name)
        }
        return unsafe UnsafeRawBufferPointer(start: value, count: length)
    }

    /// The verified value of a key.
    @unsafe func find(_ key: RawSpan, in table: TableID) throws(StoreError) -> UnsafeRawBufferPointer? {
        guard let stored = unsafe try findStored(key, in: table) else { return nil }
        guard let value = unsafe key.withUnsafeBytes({ bytes in unsafe StoredValue.verified(stored, key: bytes) })
        else {
            directory.noteDamage(table, [UInt8](keyBytes: key))
            throw StoreError.dataLoss(table: table.name, key: [UInt8](keyBytes: key))
        }
        return unsafe value
    }

    func check(_ key: RawSpan, _ table: TableID) throws(StoreError) {
        guard Self.keyLengths.contains(key.byteCount) else {
            throw StoreError(
                .invalidArgument,
                "a key of table \(table.name) has \(key.byteCount) bytes; 1 to 511 are allowed, hash longer ones",
                table: table.name)
        }
    }

    func statistics(of table: TableID) throws(StoreError) -> TableStatistics {
        let handle = try directory.handle(table)
        var found = MDB_stat()
        let status = unsafe mdb_stat(transaction, handle, &found)
        guard status == MDB_SUCCESS else { throw StoreError.status(status, "reading", directory.path) }
        // What LMDB counts is not covered by any checksum.
        let pages = [found.ms_branch_pages, found.ms_leaf_pages, found.ms_overflow_pages]
            .reduce(0) { sum, pages in Self.sum(sum, Int(clamping: pages)) }
        let (bytes, overflow) = pages.multipliedReportingOverflow(by: Int(found.ms_psize))
        return TableStatistics(
            name: table.name, entries: Int(clamping: found.ms_entries), bytes: overflow ? .max : bytes)
    }

    /// The bytes of live pages over all tables.
    func liveBytes() throws(StoreError) -> Int {
        var bytes = 0
        for table in directory.tables { bytes = Self.sum(bytes, try statistics(of: table).bytes) }
        return bytes
    }

    /// The names of all tables in the file, declared or not.
    func tableNames() throws(StoreError) -> [String] {
        var main: MDB_dbi = 0
        var cursor: OpaquePointer?
        var status = unsafe mdb_dbi_open(transaction, nil, 0, &main)
        if status == MDB_SUCCESS { status = unsafe mdb_cursor_open(transaction, main, &cursor) }
        guard status == MDB_SUCCESS, let cursor = unsafe cursor else {
            throw StoreError.status(status, "reading", directory.path)
        }
        defer { unsafe mdb_cursor_close(cursor) }
        var names: [String] = []
        while true {
            var key: UnsafeRawPointer?
            var value: UnsafeRawPointer?
            var (keyLength, valueLength) = (0, 0)
            let status = unsafe herd_lmdb_cursor_move(cursor, MDB_NEXT, &key, &keyLength, &value, &valueLength)
            if status == MDB_NOTFOUND { return names }
            guard status == MDB_SUCCESS else { throw StoreError.status(status, "reading", directory.path) }
            let bytes = unsafe UnsafeRawBufferPointer(start: key, count: keyLength)
            names.append(unsafe String(decoding: bytes, as: UTF8.self))
        }
    }

    /// How many pages of the file wait to be used again; of a very long list, which a reader that lasts brings about, the
    /// first 20,000 records, which take a millisecond. Only for a reading transaction.
    func freePages() throws(StoreError) -> Int {
        var pages = 0
        let status = unsafe herd_lmdb_free_pages(transaction, 20_000, &pages)
        guard status == MDB_SUCCESS else { throw StoreError.status(status, "reading", directory.path) }
        return pages
    }

    /// The sum of two sizes, at most the largest integer.
    static func sum(_ one: Int, _ other: Int) -> Int {
        let (sum, overflow) = one.addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
