import HerdFrames
import HerdMessages
import HerdServer
import HerdStore
import Logging
import NIOConcurrencyHelpers

/// What operators did to the herd, or tried: an entry is on disk before its call is begun, and how that ended follows within
/// 100 ms.
///
/// The oldest entries go first. What nobody was allowed to do is in the service's log and its figures, not here, where it
/// would push out what was done.
final class AuditLog: AuditRecorder {
    private let store: StoreEnvironment
    private let bounded: NIOLockedValueBox<BoundedLog>
    private var log: BoundedLog { bounded.withLockedValue { $0 } }
    private let sequence: LogSequence
    private let logger: Logger

    /// The most bytes of one entry's pages, on average, before the bound on bytes bites; most take some 200.
    private static let bytesPerEntry = 1_024

    /// Pages that a log of few entries has all the same.
    private static let fewestBytes = 1 << 20

    static func log(maxEntries: Int) -> BoundedLog {
        let (bytes, overflow) = maxEntries.multipliedReportingOverflow(by: bytesPerEntry)
        return BoundedLog("audit", maxEntries: maxEntries, maxBytes: overflow ? .max : max(Self.fewestBytes, bytes))
    }

    init(store: StoreEnvironment, maxEntries: Int, logger: Logger) async throws {
        self.store = store
        self.logger = logger
        let log = Self.log(maxEntries: maxEntries)
        bounded = NIOLockedValueBox(log)
        sequence = try await log.openSequence(in: store)
    }

    /// Holds the log to another bound from the next write on.
    func bound(maxEntries: Int) { bounded.withLockedValue { $0 = Self.log(maxEntries: maxEntries) } }

    // MARK: - Keeping

    func records(_ method: String) -> Bool { AuditedMethods.contain(method) }

    func record(
        _ method: String, payload: [UInt8], _ context: CallContext, _ run: () async -> StatusCode
    ) async throws(CallError) -> StatusCode {
        let key = sequence.next()
        var record = AuditRecord(method, payload: payload, context)
        let begun = record
        do {
            try await store.write { [log] transaction in try Self.put(begun, at: key, of: log, in: &transaction) }
        } catch {
            // A server that can't write is to be stopped all the more, and whoever has a stolen token kept out of it.
            guard [Admin.drain.path, Access.revokeToken.path].contains(method) else {
                throw CallError(handlerError: error)
            }
            logger.error(
                "an entry of the audit log could not be stored",
                metadata: begun.metadata.merging(["error": "\(error)"]) { _, error in error })
        }
        record.code = await run().rawValue
        record.ended = true
        finish(record, at: key)
        return StatusCode(rawValue: record.code)
    }

    func note(_ method: String, payload: [UInt8], _ context: CallContext, _ code: StatusCode) {
        var record = AuditRecord(method, payload: payload, context)
        record.code = code.rawValue
        record.ended = true
        finish(record, at: sequence.next())
    }

    /// Keeps what the process itself has done, on behalf of whoever may signal it.
    func note(_ method: String, subject: String) {
        finish(AuditRecord(byProcess: method, subject: subject), at: sequence.next())
    }

    /// Keeps what a program does to the store of a router that does not run, in the transaction that does it.
    static func append(_ record: AuditRecord, in transaction: inout WriteTransaction) throws(StoreError) {
        // How many entries are kept is the router's to say, and keys that it has not stored are free.
        try log(maxEntries: .max).append(record.pack(), in: &transaction)
    }

    private func finish(_ record: AuditRecord, at key: UInt64) {
        store.enqueue { [log] transaction in try Self.put(record, at: key, of: log, in: &transaction) }
        logger.info("operated", metadata: record.metadata)
    }

    /// In a store that is full, too, where operators make room. The log has bounds of its own.
    private static func put(
        _ record: AuditRecord, at key: UInt64, of log: BoundedLog, in transaction: inout WriteTransaction
    ) throws(StoreError) {
        try transaction.beyondQuota { transaction throws(StoreError) in
            try log.put(record.pack(), at: key, in: &transaction)
        }
    }

    // MARK: - Reading

    /// One page, the newest first.
    func list(_ request: ListAuditRequest) throws -> ListAuditResponse {
        let size = try Paging.size(request.page)
        var range = ScanRange.all.reversed()
        if let token = request.page?.token, !token.isEmpty {
            guard let key = UInt64(token) else {
                throw CallError(
                    .invalidArgument, "page.token '\(token.prefix(80))' is none; give back what 'next' said")
            }
            range = try range.starting(at: key)
            range.includesStart = false
        }
        let chosen = range
        return try store.read { transaction in
            var response = ListAuditResponse()
            try transaction.scan(log.table, chosen) { record in
                if response.entries.count == size {
                    response.next = response.entries.last.map { "\($0.number)" } ?? ""
                    return .stop
                }
                // A damaged one is told by its number alone.
                let stored = try? AuditRecord(stored: try record.value())
                response.entries.append(AuditEntry(stored ?? AuditRecord(), number: try record.key()))
                return .next
            }
            return response
        }
    }
}

extension AuditRecord {
    /// The actor of what a process does by itself.
    private static let process = "herdd"

    /// Of a call that is to begin.
    init(_ method: String, payload: [UInt8], _ context: CallContext) {
        self.init()
        timeUnixMs = WallClock.milliseconds()
        actor = context.principal.id
        actorName = context.principal.name
        peer = context.peer
        self.method = method.shortened(toBytes: 200)
        subject = AuditSubject.of(method, payload: payload)
    }

    /// Of what the process itself has done.
    init(byProcess method: String, subject: String) {
        self.init()
        timeUnixMs = WallClock.milliseconds()
        actor = Self.process
        self.method = method
        self.subject = subject.shortened(toBytes: 200)
        ended = true
    }

    /// For a line of the log.
    var metadata: Logger.Metadata {
        [
            "actor": "\(actor)", "name": "\(actorName)", "peer": "\(peer)", "method": "\(method)",
            "subject": "\(subject)", "code": "\(code)",
        ]
    }
}

extension AuditEntry {
    init(_ record: AuditRecord, number: UInt64) {
        self.init(
            number: number, timeUnixMs: record.timeUnixMs, actor: record.actor, actorName: record.actorName,
            peer: record.peer, method: record.method, subject: record.subject, ended: record.ended, code: record.code)
    }
}
