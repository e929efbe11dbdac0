/// The size of one table.
package struct TableStatistics: Sendable, Equatable {
    package let name: String
    package let entries: Int
    /// The bytes of its live pages.
    package let bytes: Int
}

/// What a store holds and what its writer did since it was opened.
package struct StoreStatistics: Sendable {
    /// The tables in the order of declaration, the store's own `meta` first.
    package var tables: [TableStatistics] = []
    /// Records over all tables.
    package var entries = 0
    /// Bytes of live pages over all tables; what `maxBytes` bounds.
    package var bytes = 0
    /// Bytes of the data file, pages that wait for reuse included.
    package var fileBytes = 0
    /// The quota that `bytes` is held to.
    package var maxBytes = 0
    /// Bytes of pages in the file that wait to be used again.
    package var freeBytes = 0
    /// The version of the records' layout.
    package var schemaVersion: UInt32 = 0
    /// When the last backup was complete, in milliseconds since 1970; 0 = never.
    package var lastBackupMilliseconds: UInt64 = 0
    /// Different damaged records that were met since the store was opened, at most 10,000.
    package var damagedRecords = 0
    /// Reads under way now, backups among them.
    package var activeReaders = 0
    /// For how many nanoseconds the oldest of them has been under way; the pages it may see cannot be used again.
    package var oldestReaderNanoseconds: UInt64 = 0
    /// Writes that wait for the writer thread now.
    package var queuedWrites = 0
    /// Commits done.
    package var commits: UInt64 = 0
    /// Commits that failed.
    package var failedCommits: UInt64 = 0
    /// Nanoseconds spent in commits, which is nearly all fsync.
    package var commitNanoseconds: UInt64 = 0
    /// The nanoseconds of the longest commit.
    package var longestCommitNanoseconds: UInt64 = 0
    /// The nanoseconds of the last commit.
    package var lastCommitNanoseconds: UInt64 = 0
    /// How long the commits took.
    package var commitDurations = CommitDurations()
    /// Writes applied.
    package var writes: UInt64 = 0
    /// Writes undone because their closure threw.
    package var failedWrites: UInt64 = 0
    /// Enqueued writes dropped because the queue was full.
    package var droppedWrites: UInt64 = 0
    /// Deferred and enqueued writes lost to a failed commit.
    package var lostWrites: UInt64 = 0

    init(_ counters: Committer.Counters) {
        commits = counters.commits
        failedCommits = counters.failedCommits
        commitNanoseconds = counters.commitNanoseconds
        longestCommitNanoseconds = counters.longestCommitNanoseconds
        lastCommitNanoseconds = counters.lastCommitNanoseconds
        commitDurations = counters.durations
        writes = counters.writes
        failedWrites = counters.failedWrites
        lostWrites = counters.lostWrites
    }
}
