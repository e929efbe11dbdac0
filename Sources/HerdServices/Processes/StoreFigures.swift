import HerdStore

/// A store's numbers for `Admin/Status`. Bytes and milliseconds; names without a unit are counts since the start.
enum StoreFigures {
    static func of(_ store: StoreEnvironment) -> [String: Double] {
        guard let statistics = try? store.statistics() else { return [:] }
        var figures: [String: Double] = [
            // Live pages, which the quota bounds; the file also holds pages that wait to be used again.
            "store_bytes": Double(statistics.bytes),
            "store_max_bytes": Double(statistics.maxBytes),
            "store_file_bytes": Double(statistics.fileBytes),
            "store_free_bytes": Double(statistics.freeBytes),
            "store_commits": Double(statistics.commits),
            "store_failed_commits": Double(statistics.failedCommits),
            "store_max_commit_ms": Double(statistics.longestCommitNanoseconds) / 1e6,
            "store_queued_writes": Double(statistics.queuedWrites),
            "store_dropped_writes": Double(statistics.droppedWrites),
            "store_lost_writes": Double(statistics.lostWrites),
            "store_readers": Double(statistics.activeReaders),
            "store_oldest_reader_ms": Double(statistics.oldestReaderNanoseconds) / 1e6,
            "store_damaged_records": Double(statistics.damagedRecords),
            "store_schema": Double(statistics.schemaVersion),
        ]
        if statistics.commits > 0 {
            figures["store_mean_commit_ms"] =
                Double(statistics.commitNanoseconds) / Double(statistics.commits) / 1e6
        }
        // Seconds since 1970, as monitoring wants it; missing until there was one.
        if statistics.lastBackupMilliseconds > 0 {
            figures["store_last_backup_unix_seconds"] = Double(statistics.lastBackupMilliseconds) / 1e3
        }
        for table in statistics.tables { figures["store_entries_\(table.name)"] = Double(table.entries) }
        return figures
    }

    /// What is no number.
    static func facts(_ store: StoreEnvironment) -> [String: String] {
        let backup = (try? store.lastBackupMilliseconds) ?? 0
        return ["store_last_backup": backup > 0 ? WallClock.text(milliseconds: backup) : "never"]
    }

    /// Why the store makes its service a degraded one: it cannot be written to for now.
    static func degradedReasons(_ store: StoreEnvironment) -> [String] {
        switch store.writeFailure?.code {
        case nil: []
        case .diskFull?: ["the store's disk is full, nothing can be written; free space"]
        case .notWritable?: ["the store's disk is not writable"]
        default: ["the store can't be written; see the service's log"]
        }
    }
}
