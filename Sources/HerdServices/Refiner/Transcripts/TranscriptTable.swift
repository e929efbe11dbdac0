import HerdFrames
package import HerdMessages
package import HerdStore
import NIOConcurrencyHelpers

/// The transcripts of refinements: bounded in number and bytes, the oldest go first, and expiring.
///
/// A transcript is a record under its number and its steps under keys of number and place. Steps are committed within
/// 100 ms of their end, the last one before the caller has the result; what a refinement that was killed had done until then
/// stays.
package final class TranscriptTable: Sendable {
    package struct Limits: Sendable {
        /// Of pages.
        package var maxBytes: Int
        package var maxEntries: Int
        /// After which a transcript is gone; 0 = never.
        package var lifetimeMs: UInt64

        package init(maxBytes: Int, maxEntries: Int, lifetimeMs: UInt64) {
            self.maxBytes = maxBytes
            self.maxEntries = maxEntries
            self.lifetimeMs = lifetimeMs
        }
    }

    private static let transcripts = BoundedLog("transcripts", maxEntries: .max, maxBytes: .max)
    private static let table = transcripts.table
    private static let steps = Table<[UInt8]>("transcript_steps")
    package static let tables = transcripts.ids + [steps.id]
    /// How many transcripts one write removes at most, so that none takes long.
    private static let removedAtOnce = 16

    private let store: StoreEnvironment
    private let bounds: NIOLockedValueBox<Limits>
    private var limits: Limits { bounds.withLockedValue { $0 } }
    private let sequence: LogSequence

    package init(store: StoreEnvironment, limits: Limits) async throws {
        self.store = store
        bounds = NIOLockedValueBox(limits)
        sequence = try await Self.transcripts.openSequence(in: store)
    }

    /// Holds the transcripts to other limits from the next one on.
    package func bound(_ limits: Limits) { bounds.withLockedValue { $0 = limits } }

    // MARK: - Writing

    package func nextID() -> LogEntryID {
        LogEntryID(sequence: sequence.next(), check: UInt32.random(in: 0...UInt32.max))
    }

    /// Begins a transcript with the question; never waits. Its expiry is set here.
    func begin(_ record: TranscriptRecord, id: LogEntryID, prompt: String) {
        var record = record
        record.transcriptId = id.description
        record.expiresUnixMs = limits.lifetimeMs == 0 ? 0 : record.timeUnixMs + limits.lifetimeMs
        let step = TranscriptStepRecord(step: "prompt", text: prompt, timeUnixMs: record.timeUnixMs)
        record.bytes = UInt64(prompt.utf8.count)
        let limits = limits
        store.enqueue { [record] transaction in
            try transaction.put(record.pack(), for: id.sequence, in: Self.table)
            try transaction.put(step.pack(), for: Self.key(id, 0), in: Self.steps)
            try Self.trim(&transaction, to: limits)
        }
    }

    /// Adds a step, the `place`-th from 1 on; never waits. One of a transcript that is gone meanwhile is left out.
    ///
    /// - Parameter change: what becomes of the transcript's own record.
    func add(
        _ step: TranscriptStepRecord, to id: LogEntryID, place: Int,
        _ change: @escaping @Sendable (inout TranscriptRecord) -> Void = { _ in }
    ) {
        let limits = limits
        store.enqueue { transaction in
            guard let bytes = try transaction.value(for: id.sequence, in: Self.table) else { return }
            var record = try TranscriptRecord(stored: bytes)
            guard record.transcriptId == id.description else { return }
            change(&record)
            record.bytes += UInt64(step.text.utf8.count)
            try transaction.put(record.pack(), for: id.sequence, in: Self.table)
            try transaction.put(step.pack(), for: Self.key(id, place), in: Self.steps)
            try Self.trim(&transaction, to: limits)
        }
    }

    /// Removes a transcript; one that is not there is as well as removed.
    ///
    /// - Parameter tenant: whose it has to be; empty for anyone's.
    package func delete(_ text: String, tenant: String) async throws {
        let id = try LogEntryID(parsing: text, field: "transcript_id")
        try await store.write { transaction in
            guard let bytes = try transaction.value(for: id.sequence, in: Self.table) else { return }
            let record = try? TranscriptRecord(stored: bytes)
            if let record {
                guard record.transcriptId == text, tenant.isEmpty || record.tenant == tenant else { return }
            }
            try Self.remove(id.sequence, from: &transaction)
        }
    }

    private static func remove(_ sequence: UInt64, from transaction: inout WriteTransaction) throws {
        var keys: [[UInt8]] = []
        try transaction.scan(steps, .prefix(OrderedBytes().adding(sequence).bytes)) { record in
            keys.append(try record.key())
            return .next
        }
        for key in keys { _ = try transaction.remove(key, in: steps) }
        _ = try transaction.remove(sequence, in: table)
    }

    /// The newest always stays.
    private static func trim(_ transaction: inout WriteTransaction, to limits: Limits) throws {
        for _ in 0..<removedAtOnce {
            let size = try transaction.statistics(of: table.id)
            let bytes = try size.bytes + transaction.statistics(of: steps.id).bytes
            guard size.entries > 1, size.entries > limits.maxEntries || bytes > limits.maxBytes,
                let oldest = try transaction.firstKey(of: table)
            else { return }
            try remove(oldest, from: &transaction)
        }
    }

    /// What was added is on disk afterwards, unless the disk takes nothing: then what is there is read all the same.
    ///
    /// - Returns: false where the store takes nothing.
    @discardableResult
    func untilWritten() async -> Bool {
        (try? await store.write { _ in }) != nil
    }

    // MARK: - Expiry

    /// Removes what has expired.
    ///
    /// - Returns: when the next one expires; nil where none will.
    package func sweep(nowMs: UInt64) async throws -> UInt64? {
        var next: UInt64?
        var expired: [UInt64] = []
        try store.read { transaction in
            try transaction.scan(Self.table) { record in
                guard let bytes = try? record.value(), let found = try? TranscriptRecord(stored: bytes),
                    found.expiresUnixMs > 0
                else { return .next }
                if found.expiresUnixMs <= nowMs {
                    expired.append(try record.key())
                } else {
                    next = min(next ?? .max, found.expiresUnixMs)
                }
                return .next
            }
        }
        for start in stride(from: 0, to: expired.count, by: Self.removedAtOnce) {
            let batch = expired[start..<min(start + Self.removedAtOnce, expired.count)]
            try await store.write { transaction in
                for sequence in batch { try Self.remove(sequence, from: &transaction) }
            }
        }
        return next
    }

    // MARK: - Reading

    /// Sends a transcript's steps.
    ///
    /// - Throws: NOT_FOUND where there is none; what `send` throws.
    package func get(
        _ text: String, tenant: String, nowMs: UInt64, send: (TranscriptStep) async throws -> Void
    ) async throws {
        let id = try LogEntryID(parsing: text, field: "transcript_id")
        await untilWritten()
        let record = try store.read { transaction in
            try transaction.value(for: id.sequence, in: Self.table).map { try TranscriptRecord(stored: $0) }
        }
        guard let record, record.transcriptId == text, Self.isVisible(record, tenant, nowMs) else {
            throw CallError(
                .notFound,
                "there is no transcript '\(text.prefix(80))'; they expire, and of too many the oldest go first")
        }
        // One read for each step: sending may take long, and a read must not.
        var place = 0
        while true {
            let step = try store.read { transaction in
                try transaction.value(for: Self.key(id, place), in: Self.steps).map {
                    try TranscriptStepRecord(stored: $0)
                }
            }
            guard let step else { return }
            try await send(TranscriptStep(step, of: record))
            place += 1
        }
    }

    /// One page, newest first.
    package func list(
        _ page: Page?, tenant: String, nowMs: UInt64
    ) async throws -> ListTranscriptsResponse {
        let size = try Paging.size(page)
        var range = ScanRange.all.reversed()
        if let token = page?.token, !token.isEmpty {
            guard let sequence = UInt64(token, radix: 16) else {
                throw CallError(.invalidArgument, "page.token is not the `next` of a reply; leave it empty to begin")
            }
            range = try range.starting(at: sequence)
        }
        await untilWritten()
        var reply = ListTranscriptsResponse()
        try store.read { transaction in
            try transaction.scan(Self.table, range) { entry in
                // One that is damaged does not hide the others.
                guard let bytes = try? entry.value(), let record = try? TranscriptRecord(stored: bytes),
                    Self.isVisible(record, tenant, nowMs)
                else { return .next }
                if reply.transcripts.count == size {
                    reply.next = String(try entry.key(), radix: 16)
                    return .stop
                }
                reply.transcripts.append(TranscriptSummary(record))
                return .next
            }
        }
        return reply
    }

    package var count: Int { (try? store.read { try $0.count(of: Self.table) }) ?? 0 }

    /// How many steps the transcripts have together.
    package var stepCount: Int {
        get throws { try store.read { try $0.count(of: Self.steps) } }
    }

    private static func isVisible(_ record: TranscriptRecord, _ tenant: String, _ nowMs: UInt64) -> Bool {
        (tenant.isEmpty || record.tenant == tenant) && (record.expiresUnixMs == 0 || record.expiresUnixMs > nowMs)
    }

    private static func key(_ id: LogEntryID, _ place: Int) -> [UInt8] {
        OrderedBytes().adding(id.sequence).adding(UInt64(place)).bytes
    }
}
