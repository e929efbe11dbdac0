import HerdStore

/// A store's numbers for `Admin/Status`.
enum StoreFigures {
    static func of(_ store: StoreEnvironment) -> [String: Double] {
        guard let statistics = try? store.statistics() else { return [:] }
        var figures: [String: Double] = [
            "store_bytes": Double(statistics.bytes),
            "store_file_bytes": Double(statistics.fileBytes),
            "store_commits": Double(statistics.commits),
            "store_failed_commits": Double(statistics.failedCommits),
            "store_queued_writes": Double(statistics.queuedWrites),
            "store_dropped_writes": Double(statistics.droppedWrites),
        ]
        if statistics.commits > 0 {
            figures["store_mean_commit_ms"] =
                Double(statistics.commitNanoseconds) / Double(statistics.commits) / 1e6
        }
        for table in statistics.tables { figures["store_entries_\(table.name)"] = Double(table.entries) }
        return figures
    }
}
