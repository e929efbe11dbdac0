/// A bounded cache that survives restarts: two tables, the newer written to and both looked in. When the newer holds half
/// the bound, the older is emptied whole and becomes the newer, which costs a walk over its branch pages, not its records.
///
/// A record is therefore kept for at least half and at most the whole bound's worth of later puts, whether it is looked up
/// or not; a caller that wants a hit to last puts it again when it came from the older generation.
package struct TwoGenerationTable<Key: TableKey>: Sendable {
    /// Where a value was found.
    package enum Generation: Sendable { case newer, older }

    package let name: String
    /// The most records in both generations together.
    package let maxEntries: Int
    /// The most bytes of pages in both generations together.
    package let maxBytes: Int
    private let generations: [Table<Key>]
    private let stateKey: String

    /// - Parameters:
    ///   - name: the tables are called `name.a` and `name.b`.
    ///   - maxEntries: the most records in both generations, 2 or more.
    ///   - maxBytes: the most bytes of pages in both generations, or as much more as one record needs.
    package init(_ name: String, maxEntries: Int, maxBytes: Int) {
        self.name = name
        self.maxEntries = maxEntries
        self.maxBytes = maxBytes
        generations = [Table("\(name).a"), Table("\(name).b")]
        stateKey = "generation/\(name)"
    }

    /// The tables to declare when opening the environment.
    package var ids: [TableID] { generations.map(\.id) }

    /// Lends the newest value of a key, and says from which generation; nil where neither has it. Errors as
    /// `ReadableTransaction.withValue`.
    package func withValue<Transaction: ReadableTransaction & ~Copyable, R>(
        for key: Key, in transaction: borrowing Transaction, _ body: (RawSpan, Generation) -> R
    ) throws(StoreError) -> R? {
        let newer = try newerPlace(in: transaction)
        let found = try transaction.withValue(for: key, in: generations[newer]) { value in body(value, .newer) }
        if let found { return found }
        return try transaction.withValue(for: key, in: generations[1 - newer]) { value in body(value, .older) }
    }

    /// The same for a `body` that can fail.
    @_disfavoredOverload
    package func withValue<Transaction: ReadableTransaction & ~Copyable, R>(
        for key: Key, in transaction: borrowing Transaction, _ body: (RawSpan, Generation) throws -> R
    ) throws -> R? {
        let result: Result<R, any Error>? = try withValue(for: key, in: transaction) { value, generation in
            Result { try body(value, generation) }
        }
        return try result?.get()
    }

    /// Lends the value of a key in the table of one place, 0 or 1; nil where that has none. Errors as
    /// `ReadableTransaction.withValue`.
    package func withValue<Transaction: ReadableTransaction & ~Copyable, R>(
        for key: Key, place: Int, in transaction: borrowing Transaction, _ body: (RawSpan) -> R
    ) throws(StoreError) -> R? {
        try transaction.withValue(for: key, in: generations[place], body)
    }

    /// The table of one place, 0 or 1, for scans.
    package func table(place: Int) -> Table<Key> { generations[place] }

    /// A copy of the newest value of a key. Errors as `withValue`.
    package func value<Transaction: ReadableTransaction & ~Copyable>(
        for key: Key, in transaction: borrowing Transaction
    ) throws(StoreError) -> [UInt8]? {
        try withValue(for: key, in: transaction) { value, _ in [UInt8](keyBytes: value) }
    }

    /// Stores a value, dropping the older generation first where the newer is full. Errors as `WriteTransaction.put`.
    package func put(_ value: [UInt8], for key: Key, in transaction: inout WriteTransaction) throws(StoreError) {
        try put([(key, value)], in: &transaction)
    }

    /// Stores many values in their order, as one `put` after the other would; keys that rise make it fast.
    package func put(_ values: [(key: Key, value: [UInt8])], in transaction: inout WriteTransaction) throws(StoreError)
    {
        try fill(with: values, in: &transaction) { value, key, table, transaction throws(StoreError) in
            try transaction.put(value, for: key, in: table)
        } changed: { _ in
        }
    }

    /// What became of the tables while values were appended.
    package enum Change {
        /// A value came to the table of that place, 0 or 1.
        case added(Key, place: Int)
        /// The table of that place was emptied, and is the newer generation from now on.
        case emptied(place: Int)
    }

    /// Stores many values under keys that rise and come after all that are there, which packs the pages full and touches
    /// no others. Errors as `put`.
    package func append(
        _ values: [(key: Key, value: [UInt8])], in transaction: inout WriteTransaction, changed: (Change) -> Void
    ) throws(StoreError) {
        try fill(
            with: values, in: &transaction,
            put: { value, key, table, transaction throws(StoreError) in
                try transaction.putLast(value, for: key, in: table)
            }, changed: changed)
    }

    private func fill(
        with values: [(key: Key, value: [UInt8])], in transaction: inout WriteTransaction,
        put: ([UInt8], Key, Table<Key>, inout WriteTransaction) throws(StoreError) -> Void, changed: (Change) -> Void
    ) throws(StoreError) {
        guard !values.isEmpty else { return }
        var newer = try newerPlace(in: transaction)
        var size = try transaction.statistics(of: generations[newer].id)
        // What the newer generation may have grown by since it was looked at.
        var added = (entries: 0, bytes: 0)
        for (key, value) in values {
            if isFull(size, added, next: value) {
                size = try transaction.statistics(of: generations[newer].id)
                added = (0, 0)
                if isFull(size, added, next: value) {
                    newer = 1 - newer
                    try transaction.removeAll(in: generations[newer].id)
                    try transaction.put(OrderedBytes().adding(UInt64(newer)).bytes, for: stateKey, in: Meta.table)
                    size = try transaction.statistics(of: generations[newer].id)
                    changed(.emptied(place: newer))
                }
            }
            try put(value, key, generations[newer], &transaction)
            changed(.added(key, place: newer))
            added = (added.entries + 1, added.bytes + value.count + Self.mostGrowth)
        }
    }

    /// The most bytes of pages that a record adds besides its own: every page on its way is split in two, and it begins
    /// and ends inside one.
    private static var mostGrowth: Int { 16 * 4_096 }

    private func isFull(_ size: TableStatistics, _ added: (entries: Int, bytes: Int), next value: [UInt8]) -> Bool {
        // What LMDB counts may be damaged, and add up to more than a number holds.
        let (entries, bytes) = (min(size.entries, .max / 2) + added.entries, min(size.bytes, .max / 2) + added.bytes)
        return entries >= max(1, maxEntries / 2) || entries > 0 && bytes > maxBytes / 2 - value.count
    }

    /// Removes a key from both generations, and says whether either had it.
    @discardableResult
    package func remove(_ key: Key, in transaction: inout WriteTransaction) throws(StoreError) -> Bool {
        let first = try transaction.remove(key, in: generations[0])
        let second = try transaction.remove(key, in: generations[1])
        return first || second
    }

    /// Empties both generations.
    package func removeAll(in transaction: inout WriteTransaction) throws(StoreError) {
        for generation in generations { try transaction.removeAll(in: generation.id) }
    }

    /// The number of records in both generations; a key in both counts twice.
    package func count<Transaction: ReadableTransaction & ~Copyable>(
        in transaction: borrowing Transaction
    ) throws(StoreError) -> Int {
        try TransactionView.sum(transaction.count(of: generations[0]), transaction.count(of: generations[1]))
    }

    /// The place of the newer generation, 0 or 1.
    package func newerPlace<Transaction: ReadableTransaction & ~Copyable>(
        in transaction: borrowing Transaction
    ) throws(StoreError) -> Int {
        do throws(StoreError) {
            let state = try transaction.withValue(for: stateKey, in: Meta.table) { state in UInt64(keyBytes: state) }
            return state == 1 ? 1 : 0
        } catch  where error.code == .dataLoss {
            // Which one is newer matters to a cache only for keys that are in both.
            return 0
        }
    }
}
