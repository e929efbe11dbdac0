/// A log whose records are blocks of many entries, so that an entry costs no search in the tree, no checksum and no page
/// of its own. Bounded in entries and bytes as the log it goes on from, of one entry per record: that one's keys come
/// first, its sequence numbers the entries of both, and its entries are the oldest and go first.
///
/// A block lies under the key of its first entry and begins with the number of its entries, four bytes, least significant
/// first; the rest is the caller's. The entries' keys rise within a block and from block to block.
package struct BlockLog: Sendable {
    /// The blocks, for scans.
    package let table: Table<UInt64>
    /// The log of one entry per record.
    package let earlier: BoundedLog
    private let countKey: String

    /// The bytes of a block before what is the caller's.
    package static let headerBytes = 4

    /// - Parameters:
    ///   - name: the table's name.
    ///   - earlier: whose bounds hold for both.
    package init(_ name: String, goingOnFrom earlier: BoundedLog) {
        table = Table(name)
        self.earlier = earlier
        countKey = "blocks/\(name)"
    }

    /// The tables to declare when opening the environment.
    package var ids: [TableID] { earlier.ids + [table.id] }

    /// Stores a block and drops the oldest beyond the bounds, whole blocks at a time; the newest stays whatever its size.
    /// Errors as `WriteTransaction.put`.
    ///
    /// - Parameters:
    ///   - block: with its header.
    ///   - key: of the first entry, from the earlier log's `LogSequence`.
    package func put(_ block: RawSpan, at key: UInt64, in transaction: inout WriteTransaction) throws(StoreError) {
        try earlier.extendReservation(to: key, in: &transaction)
        try transaction.putLast(block, for: key, in: table)
        let entries = try count(in: transaction) + Self.entries(in: block)
        try transaction.put(
            OrderedBytes().adding(UInt64(clamping: try trimmed(entries, in: &transaction))).bytes, for: countKey,
            in: Meta.table)
    }

    /// Lends the block in which the entry of that key would be, if it is in any; nil where every block begins later.
    /// Errors as `ReadableTransaction.withValue`.
    package func withBlock<Transaction: ReadableTransaction & ~Copyable, R>(
        before key: UInt64, in transaction: borrowing Transaction, _ body: (RawSpan) -> R
    ) throws(StoreError) -> R? {
        var result: R?
        try transaction.scan(table, ScanRange.all.starting(at: key).reversed()) {
            (record: borrowing Record<UInt64>) throws(StoreError) in
            result = try record.withValue(body)
            return .stop
        }
        return result
    }

    /// The key of the oldest entry; nil where there is none.
    package func firstKey<Transaction: ReadableTransaction & ~Copyable>(
        in transaction: borrowing Transaction
    ) throws(StoreError) -> UInt64? {
        if let first = try transaction.firstKey(of: earlier.table) { return first }
        return try transaction.firstKey(of: table)
    }

    /// How many entries the blocks hold.
    func count<Transaction: ReadableTransaction & ~Copyable>(
        in transaction: borrowing Transaction
    ) throws(StoreError) -> Int {
        do throws(StoreError) {
            let stored = try transaction.withValue(for: countKey, in: Meta.table) { value in UInt64(keyBytes: value) }
            return Int(clamping: (stored ?? nil) ?? 0)
        } catch  where error.code == .dataLoss {
            // Counted anew, which reads all of them: this happens when a disk lies.
            return try recount(in: transaction)
        }
    }

    private func recount<Transaction: ReadableTransaction & ~Copyable>(
        in transaction: borrowing Transaction
    ) throws(StoreError) -> Int {
        var sum = 0
        try transaction.scan(table) { (record: borrowing Record<UInt64>) throws(StoreError) in
            sum += (try? record.withValue(Self.entries)) ?? 0
            return .next
        }
        return sum
    }

    /// Drops the oldest; gives how many entries the blocks hold then.
    private func trimmed(_ entries: Int, in transaction: inout WriteTransaction) throws(StoreError) -> Int {
        var entries = entries
        while true {
            let single = try transaction.statistics(of: earlier.table.id)
            let blocks = try transaction.statistics(of: table.id)
            guard single.entries > 0 || blocks.entries > 1,
                TransactionView.sum(single.entries, entries) > max(1, earlier.maxEntries)
                    || TransactionView.sum(single.bytes, blocks.bytes) > earlier.maxBytes
            else { return entries }
            if single.entries > 0 {
                guard try transaction.removeFirst(of: earlier.table) else { return entries }
            } else {
                entries -= try firstCount(in: transaction) ?? entries / blocks.entries
                guard try transaction.removeFirst(of: table) else { return entries }
            }
        }
    }

    /// How many entries the oldest block holds; nil where it is damaged.
    private func firstCount(in transaction: borrowing WriteTransaction) throws(StoreError) -> Int? {
        var count: Int?
        try transaction.scan(table) { (record: borrowing Record<UInt64>) throws(StoreError) in
            count = try? record.withValue(Self.entries)
            return .stop
        }
        return count
    }

    private static func entries(in block: RawSpan) -> Int {
        guard block.byteCount >= headerBytes else { return 0 }
        return Int(UInt32(littleEndian: unsafe block.unsafeLoadUnaligned(as: UInt32.self)))
    }
}
