import CLMDB

/// Which records of a table a scan visits, and in which order.
package struct ScanRange: Sendable {
    package enum Direction: Sendable { case forward, backward }

    /// Only keys that begin with these bytes; empty = all.
    package var prefix: [UInt8] = []
    /// Where to begin: forward at the first key not before it, backward at the last key not after it.
    package var start: [UInt8]?
    /// Whether a key equal to `start` is visited.
    package var includesStart = true
    package var direction = Direction.forward

    package init() {}

    /// Every record.
    package static var all: ScanRange { ScanRange() }

    /// Keys that begin with `prefix`.
    package static func prefix(_ prefix: [UInt8]) -> ScanRange {
        var range = ScanRange()
        range.prefix = prefix
        return range
    }

    /// Keys from `key` on.
    package static func from<Key: TableKey>(_ key: Key) throws(StoreError) -> ScanRange {
        try ScanRange().starting(at: key)
    }

    /// Keys after `key`, as for the next page of a list.
    package static func after<Key: TableKey>(_ key: Key) throws(StoreError) -> ScanRange {
        var range = try ScanRange().starting(at: key)
        range.includesStart = false
        return range
    }

    /// The same range begun at `key`.
    package func starting<Key: TableKey>(at key: Key) throws(StoreError) -> ScanRange {
        var range = self
        range.start = try key.withKeyBytes { bytes throws(StoreError) in [UInt8](keyBytes: bytes) }
        return range
    }

    /// The same range from its last key to its first.
    package func reversed() -> ScanRange {
        var range = self
        range.direction = direction == .forward ? .backward : .forward
        return range
    }
}

/// Whether a scan goes on.
package enum ScanStep: Sendable { case next, stop }

/// One record, lent to the body of a scan.
@safe package struct Record<Key: TableKey>: ~Copyable {
    private let keyBytes: UnsafeRawBufferPointer
    private let stored: UnsafeRawBufferPointer
    private let table: TableID
    /// The transaction that lends the record keeps it alive.
    private unowned(unsafe) let directory: TableDirectory

    init(
        key: UnsafeRawBufferPointer, stored: UnsafeRawBufferPointer, table: TableID, directory: TableDirectory
    ) {
        unsafe self.keyBytes = key
        unsafe self.stored = stored
        self.table = table
        unsafe self.directory = directory
    }

    /// The decoded key.
    ///
    /// - Throws: `dataLoss` where the bytes are no such key.
    package func key() throws(StoreError) -> Key {
        guard let key = Key(keyBytes: unsafe keyBytes.bytes) else { throw damage() }
        return key
    }

    /// Lends the value to `body`.
    ///
    /// - Throws: `dataLoss` where the record does not match its checksum; the scan can go on past it.
    package func withValue<R>(_ body: (RawSpan) -> R) throws(StoreError) -> R {
        guard let value = unsafe StoredValue.verified(stored, key: keyBytes) else { throw damage() }
        return unsafe body(value.bytes)
    }

    /// The same for a `body` that can fail.
    @_disfavoredOverload
    package func withValue<R>(_ body: (RawSpan) throws -> R) throws -> R {
        try withValue { value in Result { try body(value) } }.get()
    }

    /// A copy of the value. Errors as `withValue`.
    package func value() throws(StoreError) -> [UInt8] {
        try withValue { value in [UInt8](keyBytes: value) }
    }

    private func damage() -> StoreError {
        let key = unsafe Array(keyBytes)
        unsafe directory.noteDamage(table, key)
        return .dataLoss(table: table.name, key: key)
    }
}

extension ReadableTransaction where Self: ~Copyable {
    /// Visits the records of a range in key order until `body` stops or throws.
    ///
    /// - Throws: what `body` throws, `unknownTable`, or what the disk says. A damaged record throws only when its value
    ///   is asked for.
    package func scan<Key: TableKey>(
        _ table: Table<Key>, _ range: ScanRange = .all,
        _ body: (borrowing Record<Key>) throws(StoreError) -> ScanStep
    ) throws(StoreError) {
        var cursor = try Cursor(view, table.id)
        var found = try cursor.begin(range)
        while found, unsafe cursor.key.starts(with: range.prefix) {
            let record = unsafe Record<Key>(
                key: cursor.key, stored: cursor.stored, table: table.id, directory: view.directory)
            let step = try body(record)
            if step == .stop { return }
            found = try cursor.move(range.direction == .forward ? MDB_NEXT : MDB_PREV)
        }
    }

    /// The same for a `body` that throws other errors too, or does not say that it throws `StoreError` only.
    @_disfavoredOverload
    package func scan<Key: TableKey>(
        _ table: Table<Key>, _ range: ScanRange = .all, _ body: (borrowing Record<Key>) throws -> ScanStep
    ) throws {
        var failure: (any Error)?
        try scan(table, range) { (record: borrowing Record<Key>) throws(StoreError) in
            do {
                return try body(record)
            } catch {
                failure = error
                return .stop
            }
        }
        if let failure { throw failure }
    }

    /// The number of records of a range, by visiting them.
    package func count<Key: TableKey>(of table: Table<Key>, _ range: ScanRange) throws(StoreError) -> Int {
        var count = 0
        try scan(table, range) { (_: borrowing Record<Key>) throws(StoreError) in
            count += 1
            return .next
        }
        return count
    }

    /// The first key in the order of the range; `.all.reversed()` gives the table's last.
    package func firstKey<Key: TableKey>(
        of table: Table<Key>, _ range: ScanRange = .all
    ) throws(StoreError) -> Key? {
        var key: Key?
        try scan(table, range) { (record: borrowing Record<Key>) throws(StoreError) in
            key = try record.key()
            return .stop
        }
        return key
    }
}
