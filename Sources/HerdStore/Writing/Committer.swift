import CLMDB
import Logging
import Synchronization

/// The writer thread's work: it applies the queued closures, each in a child transaction of its own, and commits many of
/// them with one fsync. It owns the environment and the folder's lock and gives both back at its end.
@safe struct Committer: ~Copyable {
    /// What the writer counts for `StoreStatistics`.
    struct Counters {
        var commits: UInt64 = 0
        var failedCommits: UInt64 = 0
        var commitNanoseconds: UInt64 = 0
        var longestCommitNanoseconds: UInt64 = 0
        var lastCommitNanoseconds: UInt64 = 0
        var writes: UInt64 = 0
        var failedWrites: UInt64 = 0
        var lostWrites: UInt64 = 0
        var durations = CommitDurations()
        /// Why the last commit failed; nil where it did not.
        var failure: StoreError?
    }

    /// What the thread shares with the environment's other parts.
    struct Surroundings {
        let queue: Monitor<WriteQueue>
        let readers: ReaderPool
        let directory: TableDirectory
        let counters: Monitor<Counters>
        let options: StoreOptions
    }

    /// A transaction that is applied and not yet committed, and who waits for its commit.
    private struct Batch: ~Copyable {
        let transaction: TransactionHandle
        let since: UInt64
        var waiting: [@Sendable (StoreError?) -> Void] = []
        var deferred: UInt64 = 0
        var putBytes = 0

        /// Makes the batch durable. Gives LMDB's status.
        consuming func commit() -> Int32 { transaction.commit() }
    }

    private let folder: FolderLock
    private let environment: EnvironmentHandle
    private let surroundings: Surroundings
    private var batch: Batch?

    /// The bytes put after which a commit comes even among queued writes, so that the pages of a transaction stay far
    /// below LMDB's limit of 131,072 and none is spilled to the disk early.
    private static let batchBytes = 32 << 20

    init(_ environment: consuming EnvironmentHandle, _ folder: consuming FolderLock, _ surroundings: Surroundings) {
        self.environment = environment
        self.folder = folder
        self.surroundings = surroundings
    }

    /// Works until the queue closes, then waits for the readers and closes the environment.
    consuming func runAndClose() {
        var closes = false
        while !closes {
            let since = batch?.since
            let order = surroundings.queue.await { queue in queue.next(uncommittedSince: since) }
            closes = order.closes
            for write in order.writes { apply(write) }
            if order.commits || !(batch?.waiting.isEmpty ?? true) { commit() }
        }
        surroundings.readers.closeWhenIdle()
        // The folder is free only once the files in it are closed.
        environment.close()
        folder.release()
    }

    private mutating func apply(_ write: PendingWrite) {
        let directory = surroundings.directory
        let outcome: PendingWrite.Outcome
        let putBytes: Int
        do throws(StoreError) {
            if batch == nil {
                batch = Batch(
                    transaction: unsafe try TransactionHandle(environment.pointer, path: directory.path),
                    since: monotonicNanoseconds())
            }
            let parent = unsafe batch?.transaction.pointer
            let child = unsafe try TransactionHandle(environment.pointer, parent: parent, path: directory.path)
            var transaction = WriteTransaction(
                TransactionView(child, directory), maxBytes: surroundings.options.maxBytes)
            outcome = write.apply(&transaction)
            putBytes = transaction.putBytes
            if outcome.succeeded {
                let status = child.commit()
                guard status == MDB_SUCCESS else {
                    throw StoreError.status(status, "writing", directory.path)
                }
            }
        } catch {
            write.refuse(error)
            surroundings.counters.withLock { counters in counters.failedWrites += 1 }
            return
        }
        surroundings.counters.withLock { counters in
            if outcome.succeeded { counters.writes += 1 } else { counters.failedWrites += 1 }
        }
        guard outcome.succeeded else { return outcome.finish(nil) }
        batch?.putBytes += putBytes
        if write.kind == .synced {
            batch?.waiting.append(outcome.finish)
        } else {
            batch?.deferred += 1
            outcome.finish(nil)
        }
        if let bytes = batch?.putBytes, bytes >= Self.batchBytes { commit() }
    }

    private mutating func commit() {
        guard let batch = batch.take() else { return }
        let waiting = batch.waiting
        let deferred = batch.deferred
        let start = monotonicNanoseconds()
        let status = batch.commit()
        let duration = monotonicNanoseconds() - start
        surroundings.counters.withLock { counters in
            counters.commitNanoseconds += duration
            counters.lastCommitNanoseconds = duration
            counters.durations.count(nanoseconds: duration)
            counters.longestCommitNanoseconds = max(counters.longestCommitNanoseconds, duration)
            if status == MDB_SUCCESS {
                counters.commits += 1
                counters.failure = nil
            } else {
                counters.failedCommits += 1
                counters.lostWrites += deferred
            }
        }
        var failure: StoreError?
        if status != MDB_SUCCESS {
            let error = StoreError.status(status, "committing to", surroundings.directory.path)
            surroundings.options.logger.error(
                "a commit failed and its writes are undone",
                metadata: ["error": "\(error)", "awaited": "\(waiting.count)", "deferred": "\(deferred)"])
            failure = error
            surroundings.counters.withLock { counters in counters.failure = error }
        }
        for finish in waiting { finish(failure) }
    }
}
