import CLMDB
import Glibc
import Logging

/// An LMDB environment: tables of bytes under typed keys in one folder, with snapshot reads and durable writes.
///
/// ```swift
/// enum Models {
///     static let table = Table<String>("models")               // keys: String, [UInt8], UInt64, UInt128, OrderedBytes
/// }
/// var options = StoreOptions()
/// options.schemaVersion = 1
/// let store = try StoreEnvironment(path: "/var/lib/herd/router", tables: [Models.table.id], options: options)
///
/// try await store.write { transaction in                       // returns after the fsync
///     try transaction.put(bytes, for: "qwen", in: Models.table)
/// }
/// let bytes = try store.read { transaction throws(StoreError) in
///     try transaction.value(for: "qwen", in: Models.table)     // [UInt8]?, a copy
/// }
/// let model = try store.read { transaction in
///     try transaction.withValue(for: "qwen", in: Models.table) { value in try decode(value) }  // RawSpan, no copy
/// }
/// try store.read { transaction throws(StoreError) in
///     try transaction.scan(Models.table, .prefix(Array("qw".utf8))) { record throws(StoreError) in
///         print(try record.key(), try record.value().count)
///         return .next
///     }
/// }
/// store.enqueue { transaction in ... }                         // never blocks; committed within 100 ms
/// await store.close()
/// ```
///
/// - **Reads** are synchronous closures over a snapshot: an `await` inside does not compile, and the transaction and all
///   that points into the map cannot leave the closure. Many run at once; none waits for the writer. A read costs 85 ns
///   beside its lookups: one can serve many. A read that lasts keeps the pages of its snapshot from being used again.
/// - **Writes** run one after another on the store's own thread and are lent the transaction `inout`. A closure that throws
///   is undone alone. Many share one commit and its fsync. A value is at most 2 GiB, a key 1 to 511 bytes; `OrderedBytes`
///   makes keys of several parts.
/// - **Errors** are `StoreError`. Closures marked `throws(StoreError)` make calls that throw nothing else; unmarked ones
///   may throw anything.
/// - **Damage**: every value carries a CRC-32C of its key and itself; a mismatch is `dataLoss` for that record alone, and a
///   scan can go on past it. The structure around the values is checked at opening and refused whole with `damaged`.
/// - **One owner**: a second environment on the folder, in this or another process, is refused with `alreadyOpen`.
/// - On top: `TwoGenerationTable`, a bounded cache, `BoundedLog` with `LogSequence`, and `BlockLog` for entries by the
///   hundred thousand a second; all declared by their `ids`.
package final class StoreEnvironment: Sendable {
    /// The folder.
    package let path: String
    /// The random number the store was given when it was created; its backups keep it.
    package let id: StoreID

    private let readers: ReaderPool
    private let directory: TableDirectory
    private let queue: Monitor<WriteQueue>
    private let counters: Monitor<Committer.Counters>
    private let writer: WriterThread
    let options: StoreOptions
    private let logger: Logger

    /// Opens the store in a folder and creates both where they are missing.
    ///
    /// - Parameters:
    ///   - path: the folder; created with mode 0700, also those above it.
    ///   - tables: every table that will be used.
    ///   - options: see `StoreOptions`.
    /// - Throws: `alreadyOpen`, `schemaTooNew`, `migrationFailed`, `damaged`, `notWritable`, `diskFull`,
    ///   `invalidArgument` for an option or a table name out of range.
    package init(path: String, tables: [TableID], options: StoreOptions = StoreOptions()) throws(StoreError) {
        try options.validate()
        guard !tables.contains(Meta.table.id) else {
            throw StoreError(.invalidArgument, "the table name meta is the store's own; name the table differently")
        }
        let folder = try FolderLock(path)
        try StructureCheck.run(path + "/data.mdb", limit: options.structureCheckBytes)
        let migrated = options.migrations.reduce(0) { count, step in count + step.tables.count + step.dropped.count }
        let environment = try EnvironmentHandle.open(
            path, maxTables: 1 + tables.count + migrated, options: options)
        let opened = try Schema(path: path, tables: tables, options: options).apply(to: environment)
        self.path = path
        self.options = options
        id = opened.id
        directory = opened.directory
        logger = options.logger
        readers = unsafe ReaderPool(environment: environment.pointer, directory: directory)
        queue = Monitor(WriteQueue(options))
        counters = Monitor(Committer.Counters())
        writer = WriterThread(queue, path: path)
        try writer.start(
            Committer(
                environment, folder,
                Committer.Surroundings(
                    queue: queue, readers: readers, directory: directory, counters: counters, options: options)))
        if opened.needsHealing { enqueue { transaction in try Meta.heal(&transaction) } }
    }

    deinit {
        writer.closeAndWait()
    }

    // MARK: - Reading

    /// Lends a snapshot of everything committed so far to `body`.
    ///
    /// - Throws: what `body` throws, `closed`, `resourceExhausted` with more than `maxReaders` reads at once.
    package func read<R>(
        _ body: (borrowing ReadTransaction) throws(StoreError) -> R
    ) throws(StoreError) -> R {
        let transaction = try readers.lend()
        return try body(transaction)
    }

    /// The same for a `body` that throws other errors too, or does not say that it throws `StoreError` only.
    @_disfavoredOverload
    package func read<R>(_ body: (borrowing ReadTransaction) throws -> R) throws -> R {
        let transaction = try readers.lend()
        return try body(transaction)
    }

    // MARK: - Writing

    /// Runs `body` on the writer thread and keeps its changes if it returns.
    ///
    /// A cancelled task still waits, since its changes may be part of a commit already. Do not block in `body`: it holds
    /// up every other write.
    ///
    /// - Parameter durability: `.synced` returns after the fsync, `.deferred` once applied.
    /// - Throws: what `body` throws (its changes are undone, no one else's), `resourceExhausted` at once while
    ///   `maxQueuedWrites` writes wait, `closed`, or why the commit failed.
    package func write<R: Sendable>(
        _ durability: Durability = .synced, _ body: @escaping @Sendable (inout WriteTransaction) throws -> R
    ) async throws -> R {
        let result: Result<R, any Error> = await withCheckedContinuation { continuation in
            let write = PendingWrite(
                kind: durability == .synced ? .synced : .deferred,
                apply: { transaction in
                    let result = Result { try body(&transaction) }
                    let succeeded = if case .success = result { true } else { false }
                    return PendingWrite.Outcome(succeeded: succeeded) { failure in
                        continuation.resume(returning: failure.map { failure in .failure(failure) } ?? result)
                    }
                },
                refuse: { refusal in continuation.resume(returning: .failure(refusal)) })
            if let refusal = writer.submit(write) { write.refuse(refusal) }
        }
        return try result.get()
    }

    /// Hands `body` to the writer thread and returns at once, never waiting for a disk; for event loops.
    ///
    /// Its changes are committed within `deferredInterval`, or undone and logged if it throws.
    ///
    /// - Parameter refused: called instead of `body` where the write is not taken, or cannot begin.
    /// - Returns: whether it was taken; false when the queue is full, which is counted, or the store closed.
    @discardableResult
    package func enqueue(
        refused: @escaping @Sendable () -> Void = {},
        _ body: @escaping @Sendable (inout WriteTransaction) throws -> Void
    ) -> Bool {
        let write = PendingWrite(
            kind: .enqueued,
            apply: { [logger] transaction in
                do {
                    try body(&transaction)
                    return PendingWrite.Outcome(succeeded: true, finish: { _ in })
                } catch {
                    logger.warning("an enqueued write failed", metadata: ["error": "\(error)"])
                    return PendingWrite.Outcome(succeeded: false, finish: { _ in })
                }
            },
            refuse: { _ in refused() })
        guard let refusal = writer.submit(write) else { return true }
        write.refuse(refusal)
        return false
    }

    /// Does what a queue in memory asks for when something was added to it.
    ///
    /// - Parameters:
    ///   - refused: as for `enqueue`; has to tell the queue's `DrainRequest` that the write has ended.
    ///   - body: takes what the queue holds, and tells it so.
    /// - Returns: false where the write that would take the addition was not taken.
    package func drain(
        _ asks: DrainRequest.Asks, refused: @escaping @Sendable () -> Void,
        _ body: @escaping @Sendable (inout WriteTransaction) throws -> Void
    ) -> Bool {
        switch asks {
        case .nothing: return true
        case .drain: return enqueue(refused: refused, body)
        case .hurry:
            hurry()
            return true
        }
    }

    /// Has what was enqueued applied now, for whoever collects in memory what a write of his will take: the commit comes
    /// no later than it would have.
    package func hurry() {
        if queue.withLock({ queue in queue.hurry() }) { queue.signal() }
    }

    // MARK: - Life

    /// What the store holds now and what its writer did since it was opened.
    package func statistics() throws(StoreError) -> StoreStatistics {
        var statistics = StoreStatistics(counters.withLock { counters in counters })
        (statistics.activeReaders, statistics.oldestReaderNanoseconds) = readers.activity
        (statistics.queuedWrites, statistics.droppedWrites) = queue.withLock { queue in (queue.count, queue.dropped) }
        try read { transaction throws(StoreError) in
            for table in directory.tables {
                let size = try transaction.statistics(of: table)
                statistics.tables.append(size)
                statistics.entries = TransactionView.sum(statistics.entries, size.entries)
                statistics.bytes = TransactionView.sum(statistics.bytes, size.bytes)
            }
            statistics.freeBytes = try transaction.freeBytes
        }
        statistics.maxBytes = options.maxBytes
        statistics.schemaVersion = options.schemaVersion
        statistics.damagedRecords = directory.damagedRecords
        statistics.lastBackupMilliseconds = try lastBackupMilliseconds
        statistics.fileBytes = unsafe withHandle { environment in unsafe Self.fileBytes(environment) } ?? 0
        return statistics
    }

    /// When the last backup was complete, in milliseconds since 1970; 0 = never, or not to be told.
    package var lastBackupMilliseconds: UInt64 {
        get throws(StoreError) {
            try read { transaction throws(StoreError) in
                let stored = (try? transaction.value(for: Meta.backupKey, in: Meta.table)) ?? nil
                return stored.flatMap { bytes in UInt64(keyBytes: unsafe bytes.span.bytes) } ?? 0
            }
        }
    }

    /// Why the last commit failed; nil while writing works.
    package var writeFailure: StoreError? { counters.withLock { counters in counters.failure } }

    /// Runs `body` with the environment held open; nil where it is closed.
    @unsafe func withHandle<R>(_ body: (OpaquePointer) -> R) -> R? {
        unsafe readers.withEnvironment(body)
    }

    @unsafe private static func fileBytes(_ environment: OpaquePointer) -> Int {
        var descriptor: Int32 = -1
        var file = stat()
        guard unsafe mdb_env_get_fd(environment, &descriptor) == MDB_SUCCESS, unsafe fstat(descriptor, &file) == 0
        else { return 0 }
        return Int(file.st_size)
    }

    /// Commits what is queued, waits for the reads under way, closes the files and frees the folder. Operations that
    /// come later throw `closed`. Closing twice is harmless.
    package func close() async {
        await writer.close()
    }
}
