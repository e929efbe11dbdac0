import HerdFrames
import HerdMessages
import HerdStore
import NIOConcurrencyHelpers

/// The decisions of the router and their outcomes. Decisions are committed within 100 ms; outcomes before they are
/// acknowledged.
final class DecisionLog: Sendable {
    private static let outcomes = Table<[UInt8]>("outcomes")
    /// How the chosen models' runs ended, under the decisions' places in the log.
    private static let runs = Table<UInt64>("runs")
    /// How many outcomes a decision keeps.
    private static let maxOutcomes = 100
    /// The most bytes of one log entry's pages, on average, before the bound on bytes bites.
    private static let bytesPerEntry = 4_096

    private let store: StoreEnvironment
    private let log: BlockLog
    /// The same with the bound that holds now.
    private let bounded: NIOLockedValueBox<BlockLog>
    let queue: DecisionQueue

    static func log(maxEntries: Int) -> BlockLog {
        BlockLog(
            "decision_blocks",
            goingOnFrom: BoundedLog("decisions", maxEntries: maxEntries, maxBytes: maxEntries * bytesPerEntry))
    }

    static func tables(maxEntries: Int) -> [TableID] {
        log(maxEntries: maxEntries).ids + [outcomes.id, runs.id]
    }

    init(store: StoreEnvironment, maxEntries: Int) async throws {
        self.store = store
        log = Self.log(maxEntries: maxEntries)
        bounded = NIOLockedValueBox(log)
        queue = DecisionQueue(try await log.earlier.openSequence(in: store))
    }

    /// Holds the log to another bound from the next write on.
    func bound(maxEntries: Int) { bounded.withLockedValue { $0 = Self.log(maxEntries: maxEntries) } }

    /// Logs a decision and gives it its id: its place in the log and 32 random bits, so that ids cannot be guessed one
    /// from another. Never waits.
    ///
    /// - Returns: the id, and false where too many decisions wait for the disk and this one is dropped.
    func append(_ record: DecisionRecord) -> (LogEntryID, isKept: Bool) {
        let check = UInt32.random(in: 0...UInt32.max)
        let packed = record.pack()
        return append(.whole, check: check, frame: nil, byteCount: 12 + packed.count) { writer, id, _ in
            writer.integer(id.sequence)
            writer.integer(id.check)
            writer.bytes(packed)
        }
    }

    /// The same for what is written in place.
    ///
    /// - Parameters:
    ///   - frame: what the decision has in common with others, for brief ones.
    ///   - byteCount: exactly what `write` writes.
    ///   - write: gets the decision's id and its frame's number; works under the queue's lock.
    func append(
        _ kind: DecisionBlock.ItemKind, check: UInt32, frame: DecisionFrame?, byteCount: Int,
        _ write: (inout PackedWriter, LogEntryID, UInt32) -> Void
    ) -> (LogEntryID, isKept: Bool) {
        let added = queue.add(kind, check: check, frame: frame, byteCount: byteCount, write)
        // The closures are not made for each decision.
        guard added.asks != .nothing else { return (added.id, added.isKept) }
        let (queue, bounded) = (queue, bounded)
        let isTaken = store.drain(added.asks, refused: queue.drainFailed) { transaction in
            let (blocks, log) = (queue.takeAll(), bounded.withLockedValue { $0 })
            defer { queue.giveBack(blocks) }
            for block in blocks {
                try block.withBytes { bytes throws(StoreError) in
                    try log.put(bytes, at: block.firstKey, in: &transaction)
                }
            }
        }
        return (added.id, added.isKept && isTaken)
    }

    /// Keeps how the run of the chosen model ended, with the same promise as the decision itself.
    ///
    /// - Returns: false where the writer's queue is full and the entry is dropped, which the store counts.
    @discardableResult
    func appendRun(_ id: LogEntryID, _ run: RunRecord) -> Bool {
        let log = log
        return store.enqueue { transaction in
            try transaction.put(run.pack(), for: id.sequence, in: Self.runs)
            try Self.dropOrphanRuns(before: log.firstKey(in: transaction), in: &transaction)
        }
    }

    /// A decision with its outcomes and its run.
    func get(_ text: String) async throws -> GetDecisionResponse {
        let id = try LogEntryID(parsing: text, field: "decision_id")
        var found = try read(id)
        if found == nil {
            // It may still be queued: a write goes behind it, and is there once it returns.
            try await store.write { _ in }
            found = try read(id)
        }
        if let known = found, known.2 == nil {
            // Its run may be queued too, and is worth the wait for whoever asks by id; a store that takes no writes now
            // still tells what it holds.
            if (try? await store.write { _ in }) != nil { found = try read(id) }
        }
        guard let (record, outcomes, run) = found else { throw Self.missing(text) }
        var decision = Decision(record)
        decision.run = run.map(RunOutcome.init)
        decision.outcomes = outcomes.map {
            Outcome(model: $0.model, outcome: $0.outcome, comment: $0.comment, timeUnixMs: $0.timeUnixMs)
        }
        return GetDecisionResponse(decision: decision)
    }

    /// Keeps an outcome; a repeated request changes nothing.
    ///
    /// - Parameter tenant: whose decision it has to be; nil = anybody's.
    func feedback(
        _ request: FeedbackRequest, tenant: String? = nil, timeMs: UInt64
    ) async throws -> FeedbackResponse {
        let id = try LogEntryID(parsing: request.decisionId, field: "decision_id")
        try Check.share(request.outcome, field: "outcome")
        try Check.length(request.comment, field: "comment", atMost: 4_096)
        try Check.length(request.requestId, field: "request_id", atMost: 200)
        let log = log
        // The writer works in order, so a decision that is still queued is there by now.
        return try await store.write { transaction in
            guard let record = try Self.record(of: id, from: log, in: transaction),
                tenant == nil || record.tenant == tenant
            else {
                throw Self.missing(request.decisionId)
            }
            let model = request.model.isEmpty ? record.model : request.model
            guard record.candidates.contains(where: { $0.model == model }) else {
                throw CallError(.invalidArgument, "model '\(model.prefix(200))' is no candidate of this decision")
            }
            let stored = try Self.outcomes(of: id, in: transaction)
            if !request.requestId.isEmpty, stored.contains(where: { $0.requestId == request.requestId }) {
                return FeedbackResponse()
            }
            guard stored.count < Self.maxOutcomes else {
                throw CallError(.resourceExhausted, "a decision keeps at most \(Self.maxOutcomes) outcomes")
            }
            let outcome = OutcomeRecord(
                model: model, outcome: request.outcome, comment: request.comment, timeUnixMs: timeMs,
                requestId: request.requestId)
            let key = OrderedBytes().adding(id.sequence).adding(UInt64(stored.count)).bytes
            try transaction.put(outcome.pack(), for: key, in: Self.outcomes)
            try Self.dropOrphans(before: log.firstKey(in: transaction), in: &transaction)
            return FeedbackResponse()
        }
    }

    private func read(_ id: LogEntryID) throws -> (DecisionRecord, [OutcomeRecord], RunRecord?)? {
        try store.read { transaction in
            guard let record = try Self.record(of: id, from: log, in: transaction) else { return nil }
            let run = try transaction.value(for: id.sequence, in: Self.runs).map { try RunRecord(stored: $0) }
            return (record, try Self.outcomes(of: id, in: transaction), run)
        }
    }

    /// Of the blocks or, for a decision that an earlier version of the router logged, of the log before them.
    private static func record(
        of id: LogEntryID, from log: BlockLog, in transaction: borrowing some ReadableTransaction & ~Copyable
    ) throws -> DecisionRecord? {
        let found = try log.withBlock(before: id.sequence, in: transaction) { block in
            Result { try block.withUnsafeBytes { bytes in try DecisionBlock.record(of: id, in: bytes) } }
        }
        if let record = try found?.get() { return record }
        guard let bytes = try transaction.value(for: id.sequence, in: log.earlier.table) else { return nil }
        let record = try DecisionRecord(stored: bytes)
        return record.decisionId == id.description ? record : nil
    }

    private static func outcomes(
        of id: LogEntryID, in transaction: borrowing some ReadableTransaction & ~Copyable
    ) throws -> [OutcomeRecord] {
        var found: [OutcomeRecord] = []
        try transaction.scan(outcomes, .prefix(OrderedBytes().adding(id.sequence).bytes)) { record in
            found.append(try OutcomeRecord(stored: try record.value()))
            return .next
        }
        return found
    }

    /// Removes outcomes whose decisions the log has dropped, a few at a time so that no write takes long.
    private static func dropOrphans(before oldest: UInt64?, in transaction: inout WriteTransaction) throws {
        guard let oldest else { return }
        let bound = OrderedBytes().adding(oldest).bytes
        var orphans: [[UInt8]] = []
        try transaction.scan(outcomes) { record in
            let key = try record.key()
            guard orphans.count < 64, key.lexicographicallyPrecedes(bound) else { return .stop }
            orphans.append(key)
            return .next
        }
        for key in orphans { _ = try transaction.remove(key, in: outcomes) }
    }

    /// The same for runs.
    private static func dropOrphanRuns(before oldest: UInt64?, in transaction: inout WriteTransaction) throws {
        guard let oldest else { return }
        var orphans: [UInt64] = []
        try transaction.scan(runs) { record in
            let key = try record.key()
            guard orphans.count < 64, key < oldest else { return .stop }
            orphans.append(key)
            return .next
        }
        for key in orphans { _ = try transaction.remove(key, in: runs) }
    }

    private static func missing(_ text: String) -> CallError {
        CallError(
            .notFound,
            "there is no decision '\(text.prefix(80))'; the log keeps the newest decisions only, the oldest go first")
    }
}
