import HerdFrames
import HerdMessages
import HerdStore

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
    private let log: BoundedLog
    private let sequence: LogSequence

    static func log(maxEntries: Int) -> BoundedLog {
        BoundedLog("decisions", maxEntries: maxEntries, maxBytes: maxEntries * bytesPerEntry)
    }

    static func tables(maxEntries: Int) -> [TableID] {
        log(maxEntries: maxEntries).ids + [outcomes.id, runs.id]
    }

    init(store: StoreEnvironment, maxEntries: Int) async throws {
        self.store = store
        log = Self.log(maxEntries: maxEntries)
        sequence = try await log.openSequence(in: store)
    }

    /// A new decision's id: its place in the log and 32 random bits, so that ids cannot be guessed one from another.
    func nextID() -> LogEntryID {
        LogEntryID(sequence: sequence.next(), check: UInt32.random(in: 0...UInt32.max))
    }

    /// Never waits; the record is made on the writer thread, off the path of the call.
    ///
    /// - Returns: false where the writer's queue is full and the entry is dropped, which the store counts.
    func append(_ id: LogEntryID, _ record: @escaping @Sendable () -> DecisionRecord) -> Bool {
        let log = log
        return store.enqueue { transaction in
            try log.put(record().pack(), at: id.sequence, in: &transaction)
        }
    }

    /// Keeps how the run of the chosen model ended, with the same promise as the decision itself.
    ///
    /// - Returns: false where the writer's queue is full and the entry is dropped, which the store counts.
    @discardableResult
    func appendRun(_ id: LogEntryID, _ run: RunRecord) -> Bool {
        let log = log
        return store.enqueue { transaction in
            try transaction.put(run.pack(), for: id.sequence, in: Self.runs)
            try Self.dropOrphanRuns(of: log, in: &transaction)
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
    func feedback(_ request: FeedbackRequest, timeMs: UInt64) async throws -> FeedbackResponse {
        let id = try LogEntryID(parsing: request.decisionId, field: "decision_id")
        try Check.share(request.outcome, field: "outcome")
        try Check.length(request.comment, field: "comment", atMost: 4_096)
        try Check.length(request.requestId, field: "request_id", atMost: 200)
        let log = log
        // The writer works in order, so a decision that is still queued is there by now.
        return try await store.write { transaction in
            guard let bytes = try transaction.value(for: id.sequence, in: log.table) else {
                throw Self.missing(request.decisionId)
            }
            let record = try DecisionRecord(stored: bytes)
            guard record.decisionId == id.description else { throw Self.missing(request.decisionId) }
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
            try Self.dropOrphans(of: log, in: &transaction)
            return FeedbackResponse()
        }
    }

    private func read(_ id: LogEntryID) throws -> (DecisionRecord, [OutcomeRecord], RunRecord?)? {
        try store.read { transaction in
            guard let bytes = try transaction.value(for: id.sequence, in: log.table) else { return nil }
            let record = try DecisionRecord(stored: bytes)
            guard record.decisionId == id.description else { return nil }
            let run = try transaction.value(for: id.sequence, in: Self.runs).map { try RunRecord(stored: $0) }
            return (record, try Self.outcomes(of: id, in: transaction), run)
        }
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
    private static func dropOrphans(of log: BoundedLog, in transaction: inout WriteTransaction) throws {
        guard let oldest = try transaction.firstKey(of: log.table) else { return }
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
    private static func dropOrphanRuns(of log: BoundedLog, in transaction: inout WriteTransaction) throws {
        guard let oldest = try transaction.firstKey(of: log.table) else { return }
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
