import CLMDB

/// The changes of one write, lent to its closure on the writer thread; they are kept if the closure returns and undone
/// if it throws.
///
/// It reads what it wrote. It is lent `inout`: while a value or a record is lent out of it nothing can be written, since
/// a write moves the bytes.
package struct WriteTransaction: ~Copyable, ReadableTransaction {
    package let view: TransactionView
    private let maxBytes: Int
    /// At least the live bytes as of now; nil until the first put.
    private var liveBytes: Int?
    private var isBeyondQuota = false
    /// How many bytes of keys and values were put.
    private(set) var putBytes = 0

    init(_ view: TransactionView, maxBytes: Int) {
        self.view = view
        self.maxBytes = maxBytes
    }

    // MARK: - Putting

    /// Stores a value under a key, replacing the one before.
    ///
    /// - Throws: `resourceExhausted` beyond the quota, `invalidArgument` for a key of no or over 511 bytes or a value
    ///   over 2 GiB, `unknownTable`, or what the disk says.
    package mutating func put<Key: TableKey>(
        _ value: [UInt8], for key: Key, in table: Table<Key>
    ) throws(StoreError) {
        try put(unsafe value.span.bytes, for: key, in: table)
    }

    /// The same from borrowed bytes.
    package mutating func put<Key: TableKey>(
        _ value: RawSpan, for key: Key, in table: Table<Key>
    ) throws(StoreError) {
        _ = try put(byteCount: value.byteCount, for: key, in: table, .replace) { space in
            copy(value, to: &space)
        }
    }

    /// Stores a value of `byteCount` bytes that `fill` writes in place.
    ///
    /// - Parameter fill: gets exactly `byteCount` bytes, zeroed or stale, and must fill all of them.
    package mutating func put<Key: TableKey>(
        byteCount: Int, for key: Key, in table: Table<Key>, fill: (inout MutableRawSpan) -> Void
    ) throws(StoreError) {
        _ = try put(byteCount: byteCount, for: key, in: table, .replace, fill)
    }

    /// Stores a value only where the key has none yet, and says whether it did. Errors as `put`.
    package mutating func insert<Key: TableKey>(
        _ value: [UInt8], for key: Key, in table: Table<Key>
    ) throws(StoreError) -> Bool {
        let bytes = unsafe value.span.bytes
        return try put(byteCount: bytes.byteCount, for: key, in: table, .insert) { space in
            copy(bytes, to: &space)
        }
    }

    /// Stores a value under a key that is probably the table's last, which packs the pages full, or anywhere else.
    mutating func putLast<Key: TableKey>(
        _ value: [UInt8], for key: Key, in table: Table<Key>
    ) throws(StoreError) {
        try putLast(unsafe value.span.bytes, for: key, in: table)
    }

    /// The same from borrowed bytes.
    mutating func putLast<Key: TableKey>(
        _ value: RawSpan, for key: Key, in table: Table<Key>
    ) throws(StoreError) {
        let isLast = try put(byteCount: value.byteCount, for: key, in: table, .append) { space in
            copy(value, to: &space)
        }
        if !isLast { try put(value, for: key, in: table) }
    }

    private enum PutMode {
        case replace, insert, append

        var flags: UInt32 {
            switch self {
            case .replace: 0
            case .insert: UInt32(MDB_NOOVERWRITE)
            case .append: UInt32(MDB_APPEND)
            }
        }
    }

    /// Says whether the key was fit for the mode.
    private mutating func put<Key: TableKey>(
        byteCount: Int, for key: Key, in table: Table<Key>, _ mode: PutMode,
        _ fill: (inout MutableRawSpan) -> Void
    ) throws(StoreError) -> Bool {
        let handle = try view.directory.handle(table.id)
        guard (0...StoredValue.maximumBytes).contains(byteCount) else {
            throw StoreError(
                .invalidArgument, "a value of table \(table.name) has \(byteCount) bytes; at most 2 GiB are allowed",
                table: table.name)
        }
        return try key.withKeyBytes { keyBytes throws(StoreError) in
            try view.check(keyBytes, table.id)
            try reserveQuota(keyBytes.byteCount + byteCount)
            let length = byteCount + StoredValue.checksumBytes
            var space: UnsafeMutableRawPointer?
            let status = unsafe keyBytes.withUnsafeBytes { bytes in
                unsafe herd_lmdb_reserve(
                    view.transaction, handle, bytes.baseAddress, bytes.count, length,
                    mode.flags, &space)
            }
            if status == MDB_KEYEXIST { return false }
            guard status == MDB_SUCCESS, let space = unsafe space else {
                throw StoreError.status(status, "writing", view.directory.path, table: table.name)
            }
            let stored = unsafe UnsafeMutableRawBufferPointer(start: space, count: length)
            let payload = unsafe UnsafeMutableRawBufferPointer(rebasing: stored[StoredValue.checksumBytes...])
            var filled = unsafe payload.mutableBytes
            fill(&filled)
            unsafe keyBytes.withUnsafeBytes { bytes in unsafe StoredValue.seal(stored, key: bytes) }
            return true
        }
    }

    /// Runs `body`, whose puts the quota does not refuse: small ones that go with making room, or with keeping somebody out.
    package mutating func beyondQuota<R>(
        _ body: (inout WriteTransaction) throws(StoreError) -> R
    ) throws(StoreError) -> R {
        let before = isBeyondQuota
        isBeyondQuota = true
        defer { isBeyondQuota = before }
        return try body(&self)
    }

    /// Measures the tables only when the puts since the last measurement could have reached the quota.
    private mutating func reserveQuota(_ bytes: Int) throws(StoreError) {
        // A record that starts a page of its own can cost a page and the split of its parents.
        let cost = bytes + 2 * 4096
        if isBeyondQuota {
            // What comes after it is measured.
            liveBytes = nil
        } else if let liveBytes, liveBytes <= maxBytes - cost {
            self.liveBytes = liveBytes + cost
        } else {
            let measured = try view.liveBytes()
            guard measured <= maxBytes - cost else {
                throw StoreError(
                    .resourceExhausted,
                    "the store \(view.directory.path) holds \(measured) of at most \(maxBytes) bytes; "
                        + "remove records or raise maxBytes")
            }
            liveBytes = measured + cost
        }
        putBytes += bytes
    }

    // MARK: - Removing

    /// Removes a key and its value, and says whether there was one. Never refused for the quota.
    package mutating func remove<Key: TableKey>(_ key: Key, in table: Table<Key>) throws(StoreError) -> Bool {
        let handle = try view.directory.handle(table.id)
        return try key.withKeyBytes { keyBytes throws(StoreError) in
            try view.check(keyBytes, table.id)
            let status = unsafe keyBytes.withUnsafeBytes { bytes in
                unsafe herd_lmdb_remove(view.transaction, handle, bytes.baseAddress, bytes.count)
            }
            if status == MDB_NOTFOUND { return false }
            guard status == MDB_SUCCESS else {
                throw StoreError.status(status, "removing from", view.directory.path, table: table.name)
            }
            return true
        }
    }

    /// Removes the record with the first key, damaged or not, and says whether there was one.
    package mutating func removeFirst<Key: TableKey>(of table: Table<Key>) throws(StoreError) -> Bool {
        var cursor = try Cursor(view, table.id)
        guard try cursor.move(MDB_FIRST) else { return false }
        try cursor.removeRecord()
        return true
    }

    /// Removes every record of a table; damaged ones too.
    package mutating func removeAll(in table: TableID) throws(StoreError) {
        let handle = try view.directory.handle(table)
        let status = unsafe mdb_drop(view.transaction, handle, 0)
        guard status == MDB_SUCCESS else {
            throw StoreError.status(status, "emptying", view.directory.path, table: table.name)
        }
    }

    /// Removes a table with its records. Its handle is void from now on, so only a migration may do this.
    mutating func drop(_ table: TableID) throws(StoreError) {
        let handle = try view.directory.handle(table)
        let status = unsafe mdb_drop(view.transaction, handle, 1)
        guard status == MDB_SUCCESS else {
            throw StoreError.status(status, "removing table \(table.name) of", view.directory.path, table: table.name)
        }
    }
}

private func copy(_ source: RawSpan, to target: inout MutableRawSpan) {
    unsafe target.withUnsafeMutableBytes { space in
        unsafe source.withUnsafeBytes { bytes in unsafe space.copyMemory(from: bytes) }
    }
}
