import HerdStore
import NIOConcurrencyHelpers

/// The keys of predictions in the store as a start finds them, read the newest first.
final class StoredFingerprints: Sendable {
    private let table: TwoGenerationTable<NumberedFingerprint>
    private let store: StoreEnvironment
    /// What was not read yet, the last to be read first.
    private let unread = NIOLockedValueBox<[Unread]>([])

    private struct Unread {
        var place: Int
        /// Keys from here on were read; nil = none were.
        var end: [UInt8]?
    }

    /// Keys that are read in one go: some 2 ms.
    static let chunk = 8_192
    private static let mostRewritten = 1 << 16
    private static let earlierKeyLength = 16

    init(table: TwoGenerationTable<NumberedFingerprint>, store: StoreEnvironment) {
        self.table = table
        self.store = store
    }

    /// Looks at what is there, and gives the number of the next record. Tables of an earlier format, keyed by fingerprints
    /// alone, are rewritten; what they have beyond `mostRewritten` is predicted anew.
    func open(_ index: FingerprintIndex) async -> UInt64 {
        var last: UInt64 = 0
        var places: [Int] = []
        for place in 0...1 {
            guard var key = lastKey(place: place) else { continue }
            if key.count == Self.earlierKeyLength {
                // On a full disk they stay as they are, and are looked past.
                try? await rewrite(place: place)
                key = lastKey(place: place) ?? []
            }
            guard let key = NumberedFingerprint(keyBytes: key.span.bytes) else { continue }
            last = max(last, key.number)
            places.append(place)
        }
        let newer =
            (try? store.read { transaction throws(StoreError) in try self.table.newerPlace(in: transaction) }) ?? 0
        index.begin(place: newer)
        unread.withLockedValue { unread in
            unread = places.sorted { first, _ in first != newer }.map { Unread(place: $0) }
        }
        return last &+ 1
    }

    private func lastKey(place: Int) -> [UInt8]? {
        let table = Table<[UInt8]>(table.table(place: place).name)
        let key = try? store.read { transaction throws(StoreError) in
            try transaction.firstKey(of: table, .all.reversed())
        }
        return key ?? nil
    }

    /// Numbers the records of a table that were keyed by fingerprints alone.
    private func rewrite(place: Int) async throws {
        let table = table.table(place: place)
        try await store.write { transaction in
            var records: [(fingerprint: UInt128, value: [UInt8])] = []
            try transaction.scan(Table<[UInt8]>(table.name)) { record throws(StoreError) in
                let key = try record.key()
                if let fingerprint = UInt128(keyBytes: key.span.bytes), let value = try? record.value() {
                    records.append((fingerprint, value))
                }
                return records.count < Self.mostRewritten ? .next : .stop
            }
            try transaction.removeAll(in: table.id)
            for (number, record) in records.enumerated() {
                let key = NumberedFingerprint(number: UInt64(number) + 1, fingerprint: record.fingerprint)
                try transaction.put(record.value, for: key, in: table)
            }
        }
    }

    /// Reads at most so many keys into the index; says whether there are more.
    func load(_ index: FingerprintIndex, most: Int) -> Bool {
        guard let next = unread.withLockedValue({ $0.last }) else { return false }
        let table = Table<[UInt8]>(table.table(place: next.place).name)
        var keys: [NumberedFingerprint] = []
        var end: [UInt8]?
        do {
            try store.read { transaction throws(StoreError) in
                var range = ScanRange.all.reversed()
                if let end = next.end {
                    range = try range.starting(at: end)
                    range.includesStart = false
                }
                try transaction.scan(table, range) { record throws(StoreError) in
                    let bytes = try record.key()
                    if let key = NumberedFingerprint(keyBytes: bytes.span.bytes) { keys.append(key) }
                    guard keys.count < most else {
                        end = bytes
                        return .stop
                    }
                    return .next
                }
            }
        } catch {
            // What can't be read is predicted anew.
            end = nil
        }
        index.load(keys, place: next.place)
        return unread.withLockedValue { unread in
            if end != nil { unread[unread.count - 1].end = end } else { unread.removeLast() }
            return !unread.isEmpty
        }
    }
}
