import HerdFrames
import HerdMessages
import HerdStore

/// Changes of the ledger on their way to the disk; all of a batch are made in one transaction, or none.
struct LedgerBatch: Sendable {
    struct Row: Sendable, Hashable {
        var day: UInt64
        var payer: Payer

        var key: [UInt8] { OrderedBytes().adding(day).adding(payer.token).adding(payer.tenant).bytes }
    }

    struct Change: Sendable {
        var answers: UInt64 = 0
        var promptTokens: UInt64 = 0
        var completionTokens: UInt64 = 0
        var charged: UInt64 = 0
        /// Of the token, as of the change.
        var limit: UInt64 = 0
    }

    /// To be set aside.
    var holds: [(hold: Hold, model: String, timeMs: UInt64, limit: UInt64)] = []
    /// Keys of reservations that are settled.
    var settled: [UInt64] = []
    private(set) var changes: [Row: Change] = [:]
    /// Told when everything before them is on disk.
    var barriers: [Hold] = []

    /// Rows that wait at most; more tenants than that share one.
    private static let mostRows = 10_000
    /// Rows that are kept at most.
    private static let mostStored = 1_000_000
    private static let others = "(others)"
    /// How long rows are kept, in days.
    static let keptDays: UInt64 = 400
    private static let removedAtOnce = 64

    var isEmpty: Bool { !isUrgent && changes.isEmpty }
    /// Whether it is not to wait for more.
    var isUrgent: Bool { !holds.isEmpty || !settled.isEmpty || !barriers.isEmpty }

    mutating func add(_ change: Change, to row: Row) {
        var row = row
        if changes.count >= Self.mostRows, changes[row] == nil { row.payer.tenant = Self.others }
        var sum = changes[row] ?? Change()
        sum.answers += change.answers
        sum.promptTokens += change.promptTokens
        sum.completionTokens += change.completionTokens
        sum.charged = NanoUSD.sum(sum.charged, change.charged)
        sum.limit = change.limit
        changes[row] = sum
    }

    /// What has to be tried again of a batch that was not stored, with what came since. Reservations are told instead.
    func leftovers(with later: LedgerBatch) -> LedgerBatch {
        var batch = later
        // What was never stored has not to be removed.
        let failed = Set(holds.map(\.hold.key))
        batch.settled = (settled + later.settled).filter { !failed.contains($0) }
        for (row, change) in changes {
            var sum = change
            if let more = later.changes[row] { sum.limit = more.limit }
            batch.add(sum, to: row)
        }
        return batch
    }

    // MARK: - On the disk

    func apply(day: UInt64, run: UInt64, removesOld: Bool, to transaction: inout WriteTransaction) throws {
        for (hold, model, timeMs, limit) in holds {
            let record = ReservationRecord(
                day: hold.day, token: hold.payer.token, tenant: hold.payer.tenant, model: model, nanoUsd: hold.amount,
                timeUnixMs: timeMs, run: run)
            try transaction.put(record.pack(), for: hold.key, in: Ledger.reservations)
            // So that the day is listed with what is set aside.
            try Self.add(Change(limit: limit), to: Row(day: hold.day, payer: hold.payer), in: &transaction)
        }
        for key in settled { _ = try transaction.remove(key, in: Ledger.reservations) }
        for (row, change) in changes { try Self.add(change, to: row, in: &transaction) }
        if removesOld, day > Self.keptDays {
            try Self.removeOld(before: day - Self.keptDays, run: run, in: &transaction)
        }
    }

    private static func add(_ change: Change, to row: Row, in transaction: inout WriteTransaction) throws {
        var row = row
        var stored = try record(of: row, in: transaction)
        if stored == nil, try !hasRoom(for: row, in: &transaction) {
            row.payer.tenant = others
            stored = try record(of: row, in: transaction)
        }
        var record = stored ?? AccountRecord(day: row.day, token: row.payer.token, tenant: row.payer.tenant)
        record.answers += change.answers
        record.promptTokens += change.promptTokens
        record.completionTokens += change.completionTokens
        record.chargedNanoUsd = NanoUSD.sum(record.chargedNanoUsd, change.charged)
        record.limitNanoUsd = change.limit
        try transaction.put(record.pack(), for: row.key, in: Ledger.accounts)
    }

    /// A damaged one counts as missing: money is to go on being counted.
    private static func record(
        of row: Row, in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> AccountRecord? {
        do throws(StoreError) {
            return try transaction.value(for: row.key, in: Ledger.accounts).flatMap { try? AccountRecord(stored: $0) }
        } catch {
            guard error.code == .dataLoss else { throw error }
            return nil
        }
    }

    /// Makes room where there are too many rows; false where all are of that day.
    private static func hasRoom(for row: Row, in transaction: inout WriteTransaction) throws -> Bool {
        guard try transaction.count(of: Ledger.accounts) >= mostStored else { return true }
        guard let first = try transaction.firstKey(of: Ledger.accounts), let day = Ledger.day(ofKey: first),
            day < row.day
        else { return false }
        return try transaction.removeFirst(of: Ledger.accounts)
    }

    /// A few at a time, so that no write takes long.
    private static func removeOld(
        before day: UInt64, run: UInt64, in transaction: inout WriteTransaction
    ) throws {
        for _ in 0..<removedAtOnce {
            guard let first = try transaction.firstKey(of: Ledger.accounts), let of = Ledger.day(ofKey: first), of < day
            else { break }
            _ = try transaction.remove(first, in: Ledger.accounts)
        }
        for key in try oldReservations(before: day, run: run, in: transaction) {
            _ = try transaction.remove(key, in: Ledger.reservations)
        }
    }

    /// Keys of reservations that earlier processes left behind. This one's stay, however old: they are settled yet.
    private static func oldReservations(
        before day: UInt64, run: UInt64, in transaction: borrowing WriteTransaction
    ) throws -> [UInt64] {
        var keys: [UInt64] = []
        var visited = 0
        try transaction.scan(Ledger.reservations) { record in
            visited += 1
            guard visited <= removedAtOnce else { return .stop }
            let key = try record.key()
            let reservation = try? ReservationRecord(stored: try record.value())
            // The keys of a process are behind those of all before it.
            if reservation?.run == run { return .stop }
            // Of a damaged one no more is known than its key.
            if (reservation?.day ?? Ledger.day(ofReservation: key)) < day { keys.append(key) }
            return .next
        }
        return keys
    }
}
