import CLMDB

/// The owner of an LMDB cursor, for one scan within one transaction.
@safe struct Cursor: ~Copyable {
    private let cursor: OpaquePointer
    private let path: String
    /// The key under the cursor, valid until it moves or the transaction writes.
    private(set) var key = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    /// The value under the cursor, checksum included.
    private(set) var stored = unsafe UnsafeRawBufferPointer(start: nil, count: 0)

    init(_ view: TransactionView, _ table: TableID) throws(StoreError) {
        let handle = try view.directory.handle(table)
        var opened: OpaquePointer?
        let status = unsafe mdb_cursor_open(view.transaction, handle, &opened)
        guard status == MDB_SUCCESS, let opened = unsafe opened else {
            throw StoreError.status(status, "reading", view.directory.path, table: table.name)
        }
        unsafe cursor = opened
        path = view.directory.path
    }

    deinit {
        unsafe mdb_cursor_close(cursor)
    }

    /// Goes to the first record of the range in its order, and says whether there is one before the table's end.
    mutating func begin(_ range: ScanRange) throws(StoreError) -> Bool {
        switch range.direction {
        case .forward:
            // A start before the prefix begins at the prefix.
            let start = range.start.map { start in start.lexicographicallyPrecedes(range.prefix) ? range.prefix : start
            }
            guard try seek(start ?? range.prefix) else { return false }
            return try isExcludedStart(range) ? move(MDB_NEXT) : true
        case .backward:
            guard try seekLast(range) else { return false }
            return try isExcludedStart(range) ? move(MDB_PREV) : true
        }
    }

    mutating func move(_ move: MDB_cursor_op) throws(StoreError) -> Bool {
        var keyStart: UnsafeRawPointer?
        var valueStart: UnsafeRawPointer?
        var keyLength = 0
        var valueLength = 0
        let status = unsafe herd_lmdb_cursor_move(cursor, move, &keyStart, &keyLength, &valueStart, &valueLength)
        unsafe key = UnsafeRawBufferPointer(start: keyStart, count: keyLength)
        unsafe stored = UnsafeRawBufferPointer(start: valueStart, count: valueLength)
        return try found(status)
    }

    /// Removes the record under the cursor.
    mutating func removeRecord() throws(StoreError) {
        let status = unsafe mdb_cursor_del(cursor, 0)
        guard status == MDB_SUCCESS else { throw StoreError.status(status, "removing from", path) }
    }

    /// Goes to the first key that is not less than `sought`.
    private mutating func seek(_ sought: [UInt8]) throws(StoreError) -> Bool {
        if sought.isEmpty { return try move(MDB_FIRST) }
        var keyStart: UnsafeRawPointer?
        var valueStart: UnsafeRawPointer?
        var keyLength = 0
        var valueLength = 0
        let status = unsafe herd_lmdb_cursor_seek(
            cursor, sought, sought.count, &keyStart, &keyLength, &valueStart, &valueLength)
        unsafe key = UnsafeRawBufferPointer(start: keyStart, count: keyLength)
        unsafe stored = UnsafeRawBufferPointer(start: valueStart, count: valueLength)
        return try found(status)
    }

    /// Goes to the last key that is in the range.
    private mutating func seekLast(_ range: ScanRange) throws(StoreError) -> Bool {
        let afterPrefix = Self.successor(range.prefix)
        if let start = range.start, afterPrefix.map(start.lexicographicallyPrecedes) ?? true {
            guard try seek(start) else { return try move(MDB_LAST) }
            return unsafe try key.elementsEqual(start) ? true : move(MDB_PREV)
        }
        guard let afterPrefix, try seek(afterPrefix) else { return try move(MDB_LAST) }
        return try move(MDB_PREV)
    }

    private func isExcludedStart(_ range: ScanRange) -> Bool {
        guard !range.includesStart, let start = range.start else { return false }
        return unsafe key.elementsEqual(start)
    }

    private func found(_ status: Int32) throws(StoreError) -> Bool {
        switch status {
        case MDB_SUCCESS: return true
        case MDB_NOTFOUND: return false
        default: throw StoreError.status(status, "reading", path)
        }
    }

    /// The least string of bytes after all that begin with `prefix`; nil where there is none.
    private static func successor(_ prefix: [UInt8]) -> [UInt8]? {
        guard let last = prefix.lastIndex(where: { byte in byte != 255 }) else { return nil }
        var successor = Array(prefix[...last])
        successor[last] += 1
        return successor
    }
}
