import Synchronization

/// A log under rising integers, bounded in records and bytes: the oldest are dropped first.
package struct BoundedLog: Sendable {
    /// The records, for lookups and scans.
    package let table: Table<UInt64>
    package let maxEntries: Int
    /// The most bytes of pages.
    package let maxBytes: Int
    private let reservationKey: String

    /// How many keys one opening of a log may hand out before it has to reserve more: at 100,000 a second, 500 days.
    static let reservation: UInt64 = 1 << 42

    /// - Parameters:
    ///   - name: the table's name.
    ///   - maxEntries: the most records, 1 or more.
    ///   - maxBytes: the most bytes of pages, or as much more as the newest record needs.
    package init(_ name: String, maxEntries: Int, maxBytes: Int) {
        table = Table(name)
        self.maxEntries = maxEntries
        self.maxBytes = maxBytes
        reservationKey = "log/\(name)"
    }

    /// The tables to declare when opening the environment.
    package var ids: [TableID] { [table.id] }

    /// Stores a value under a key, best a new one from the log's `LogSequence`, and drops the oldest beyond the bound.
    ///
    /// Keys may arrive slightly out of order. One that exists is replaced. Errors as `WriteTransaction.put`.
    package func put(_ value: [UInt8], at key: UInt64, in transaction: inout WriteTransaction) throws(StoreError) {
        try extendReservation(to: key, in: &transaction)
        try transaction.putLast(value, for: key, in: table)
        try trim(&transaction)
    }

    /// Stores a value under the key after the last one, which it gives; for logs without a `LogSequence`. Errors as `put`,
    /// `resourceExhausted` after the last integer.
    @discardableResult
    package func append(_ value: [UInt8], in transaction: inout WriteTransaction) throws(StoreError) -> UInt64 {
        let key = try next(after: transaction.firstKey(of: table, .all.reversed()) ?? 0)
        try transaction.putLast(value, for: key, in: table)
        try trim(&transaction)
        return key
    }

    /// Begins a sequence of keys above every key that was handed out before, also by a process that was killed before it
    /// stored them. Call it once after opening the store.
    ///
    /// Where the disk is full the sequence begins all the same; a process that is killed before it could store anything
    /// may then leave keys that are handed out again. Errors as `StoreEnvironment.write`.
    package func openSequence(in store: StoreEnvironment) async throws -> LogSequence {
        do {
            return LogSequence(
                try await store.write { transaction in
                    let first = try unused(in: transaction)
                    try reserve(from: first, in: &transaction)
                    return first
                })
        } catch let error as StoreError where [.diskFull, .resourceExhausted].contains(error.code) {
            return LogSequence(try store.read { transaction throws(StoreError) in try unused(in: transaction) })
        }
    }

    private func unused<Transaction: ReadableTransaction & ~Copyable>(
        in transaction: borrowing Transaction
    ) throws(StoreError) -> UInt64 {
        let stored = try transaction.firstKey(of: table, .all.reversed()) ?? 0
        return try max(next(after: stored), reserved(in: transaction))
    }

    private func trim(_ transaction: inout WriteTransaction) throws(StoreError) {
        while true {
            let size = try transaction.statistics(of: table.id)
            // The newest always stays, so that the next key is known.
            guard size.entries > max(1, maxEntries) || size.entries > 1 && size.bytes > maxBytes else { return }
            guard try transaction.removeFirst(of: table) else { return }
        }
    }

    private func next(after key: UInt64) throws(StoreError) -> UInt64 {
        guard key < .max else { throw exhausted }
        return key + 1
    }

    // MARK: - Reservation

    /// The first key that no one may have been given yet.
    private func reserved<Transaction: ReadableTransaction & ~Copyable>(
        in transaction: borrowing Transaction
    ) throws(StoreError) -> UInt64 {
        do throws(StoreError) {
            return try transaction.withValue(for: reservationKey, in: Meta.table) { value in
                UInt64(keyBytes: value) ?? 0
            } ?? 0
        } catch {
            guard error.code == .dataLoss, let copy = try Meta.value(reservationKey, in: transaction) else {
                throw error
            }
            return UInt64(keyBytes: unsafe copy.span.bytes) ?? 0
        }
    }

    private func reserve(from key: UInt64, in transaction: inout WriteTransaction) throws(StoreError) {
        let (end, overflow) = key.addingReportingOverflow(Self.reservation)
        guard !overflow else { throw exhausted }
        try Meta.put(OrderedBytes().adding(end).bytes, reservationKey, in: &transaction)
    }

    func extendReservation(to key: UInt64, in transaction: inout WriteTransaction) throws(StoreError) {
        let end = try reserved(in: transaction)
        if end > 0, key >= end || end - key < Self.reservation / 2 { try reserve(from: key, in: &transaction) }
    }

    private var exhausted: StoreError {
        StoreError(.resourceExhausted, "the keys of log \(table.name) are used up; start a new log", table: table.name)
    }
}

/// Hands out the keys of a `BoundedLog`, from any thread, each once in the life of the store.
package final class LogSequence: Sendable {
    private let upcoming: Atomic<UInt64>

    init(_ first: UInt64) {
        upcoming = Atomic(first)
    }

    /// The next key.
    package func next() -> UInt64 {
        upcoming.wrappingAdd(1, ordering: .relaxed).oldValue
    }
}
