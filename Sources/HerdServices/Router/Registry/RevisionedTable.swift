import HerdFrames
import HerdMessages
import HerdStore

/// A record with a name, the revision that wrote it and the request it came with.
protocol RevisionedRecord: Message {
    var name: String { get }
    var revision: UInt64 { get set }
    var requestId: String { get }
    func hasSameContent(as other: Self) -> Bool
}

extension ModelRecord: RevisionedRecord {}
extension PolicyRecord: RevisionedRecord {}

/// Named records under one counter: every change takes the next revision, so that the counter tells whether anything
/// changed and a record's revision tells whether it did.
struct RevisionedTable<Record: RevisionedRecord>: Sendable {
    let table: Table<String>
    /// What a record is called in messages: "model".
    let noun: String

    /// Stores a record unless its content is there already; a repeated request changes nothing.
    ///
    /// - Parameter expected: the revision the stored record must have, 0 for none; nil to not care.
    func put(
        _ record: Record, expected: UInt64?, in transaction: inout WriteTransaction
    ) throws -> (record: Record, revision: UInt64) {
        let stored = try get(record.name, in: transaction)
        let revision = try revision(in: transaction)
        if let stored, !record.requestId.isEmpty, stored.requestId == record.requestId { return (stored, revision) }
        try check(expected: expected, stored: stored, name: record.name)
        if let stored, stored.hasSameContent(as: record) { return (stored, revision) }
        var next = record
        next.revision = revision + 1
        try transaction.put(next.pack(), for: next.name, in: table)
        try Counters.set(counter, to: next.revision, in: &transaction)
        return (next, next.revision)
    }

    /// Removes a record and gives the revision after it. NOT_FOUND where there is none.
    func remove(_ name: String, expected: UInt64?, in transaction: inout WriteTransaction) throws -> UInt64 {
        guard let stored = try get(name, in: transaction) else { throw missing(name) }
        try check(expected: expected, stored: stored, name: name)
        _ = try transaction.remove(name, in: table)
        let revision = try revision(in: transaction) + 1
        try transaction.beyondQuota { transaction throws(StoreError) in
            try Counters.set(counter, to: revision, in: &transaction)
        }
        return revision
    }

    func get(_ name: String, in transaction: borrowing some ReadableTransaction & ~Copyable) throws -> Record? {
        guard let bytes = try transaction.value(for: name, in: table) else { return nil }
        return try Record(stored: bytes)
    }

    /// Every record by name, and the counter. A damaged record is left out and reported, so that one flipped bit does
    /// not take the whole herd down.
    func all(
        in transaction: borrowing some ReadableTransaction & ~Copyable, damaged: (String) -> Void
    ) throws -> (records: [Record], revision: UInt64) {
        var records: [Record] = []
        try transaction.scan(table) { record in
            do {
                records.append(try Record(stored: try record.value()))
            } catch {
                damaged("\(noun) \((try? record.key()) ?? "?"): \(error)")
            }
            return .next
        }
        return (records, try revision(in: transaction))
    }

    /// One page by name, and where the next begins ("" at the end).
    func page(
        _ page: Page?, in transaction: borrowing some ReadableTransaction & ~Copyable
    ) throws -> (records: [Record], next: String, revision: UInt64) {
        let size = try Paging.size(page)
        let token = page?.token ?? ""
        var records: [Record] = []
        var next = ""
        var pageBytes = 0
        try transaction.scan(table, token.isEmpty ? .all : .after(token)) { record in
            let bytes = try record.value()
            // A page must fit a frame, however long its records are.
            if records.count == size || (!records.isEmpty && pageBytes + bytes.count > Paging.maximumBytes) {
                next = records.last?.name ?? ""
                return .stop
            }
            pageBytes += bytes.count
            records.append(try Record(stored: bytes))
            return .next
        }
        return (records, next, try revision(in: transaction))
    }

    func missing(_ name: String) -> CallError {
        CallError(.notFound, "there is no \(noun) '\(name.prefix(200))'; herdctl \(noun) list shows what there is")
    }

    /// The counter or, where its record is damaged, the newest revision of any record.
    private func revision(in transaction: borrowing some ReadableTransaction & ~Copyable) throws -> UInt64 {
        do {
            return try Counters.value(counter, in: transaction)
        } catch let error as StoreError where error.code == .dataLoss {
            var newest: UInt64 = 0
            try transaction.scan(table) { record in
                if let bytes = try? record.value(), let stored = try? Record(stored: bytes) {
                    newest = max(newest, stored.revision)
                }
                return .next
            }
            return newest
        }
    }

    private var counter: String { "\(noun).revision" }

    private func check(expected: UInt64?, stored: Record?, name: String) throws(CallError) {
        guard let expected, expected != stored?.revision ?? 0 else { return }
        let found = stored.map { "has revision \($0.revision)" } ?? "does not exist"
        throw CallError(
            .aborted, "\(noun) '\(name)' \(found), not the expected revision \(expected); read it again and repeat")
    }
}

/// Counters that survive restarts.
enum Counters {
    static let table = Table<String>("counters")

    static func value(
        _ name: String, in transaction: borrowing some ReadableTransaction & ~Copyable
    ) throws -> UInt64 {
        let bytes = try transaction.value(for: name, in: table) ?? []
        return bytes.reduce(0) { ($0 << 8) | UInt64($1) }
    }

    static func set(
        _ name: String, to value: UInt64, in transaction: inout WriteTransaction
    ) throws(StoreError) {
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64(7 - $0))) }
        try transaction.put(bytes, for: name, in: table)
    }
}

enum Paging {
    /// Stored bytes of one page; half a frame.
    static let maximumBytes = 2 << 20

    /// 100 where nothing is asked for, at most 1,000.
    static func size(_ page: Page?) throws(CallError) -> Int {
        let asked = Int(page?.size ?? 0)
        guard asked <= 1_000 else {
            throw CallError(.invalidArgument, "page.size must be at most 1000, not \(asked)")
        }
        return asked == 0 ? 100 : asked
    }
}
