import HerdServer
import HerdStore

/// What is counted of a service's store.
enum StoreMetrics {
    /// The powers of two of nanoseconds that are shown as bounds of commits: 16 µs to 17 s.
    private static let shown = 14...34

    /// Nothing where the store is closed or can't be read.
    static func write(_ store: StoreEnvironment, to writer: inout MetricsWriter) {
        writer.gauge(
            "herd_store_writable", "Whether the last commit succeeded: 1, else 0.", store.writeFailure == nil ? 1 : 0)
        guard let statistics = try? store.statistics() else { return }
        writer.gauge("herd_store_bytes", "Live pages, which the quota bounds.", Double(statistics.bytes))
        writer.gauge("herd_store_max_bytes", "The quota: where the store stops growing.", Double(statistics.maxBytes))
        writer.gauge("herd_store_file_bytes", "The data file, free pages included.", Double(statistics.fileBytes))
        writer.gauge(
            "herd_store_free_bytes", "Pages of the data file that wait to be used again.", Double(statistics.freeBytes))
        writer.gauge("herd_store_entries", "Records, by table.") { samples in
            for table in statistics.tables {
                samples.add(MetricLabels(["table": table.name]), Double(table.entries))
            }
        }
        writer.gauge("herd_store_schema_info", "The version of the records' layout; always 1.") {
            $0.add(MetricLabels(["version": "\(statistics.schemaVersion)"]), 1)
        }
        writeWrites(statistics, to: &writer)
        writer.gauge("herd_store_readers", "Reads under way.", Double(statistics.activeReaders))
        writer.gauge(
            "herd_store_oldest_reader_seconds", "For how long the oldest of them has been; 0 without.",
            Double(statistics.oldestReaderNanoseconds) / 1e9)
        writer.gauge(
            "herd_store_damaged_records", "Damaged records met since the start.", Double(statistics.damagedRecords))
        writer.gauge(
            "herd_store_last_backup_timestamp_seconds", "When the last backup was complete, since 1970; 0 = never.",
            Double(statistics.lastBackupMilliseconds) / 1e3)
    }

    private static func writeWrites(_ statistics: StoreStatistics, to writer: inout MetricsWriter) {
        writer.counter("herd_store_commits_total", "Commits that succeeded.", Double(statistics.commits))
        writer.counter("herd_store_failed_commits_total", "Commits that failed.", Double(statistics.failedCommits))
        writer.histogram(
            "herd_store_commit_duration_seconds", "What commits took, which is nearly all waiting for the disk (fsync)."
        ) { samples in
            let counts = statistics.commitDurations.counts
            let bounds = shown.map { power in
                (
                    seconds: Double(UInt64(1) << UInt64(power)) / 1e9,
                    count: power == shown.lowerBound ? counts[...power].reduce(0, +) : counts[power]
                )
            }
            samples.add(
                upTo: bounds, above: counts[(shown.upperBound + 1)...].reduce(0, +),
                sum: Double(statistics.commitNanoseconds) / 1e9)
        }
        writer.counter("herd_store_writes_total", "Writes applied.", Double(statistics.writes))
        writer.gauge(
            "herd_store_queued_writes", "Writes that wait for the writer thread.", Double(statistics.queuedWrites))
        writer.counter(
            "herd_store_dropped_writes_total", "Writes dropped because too many waited.",
            Double(statistics.droppedWrites))
        writer.counter(
            "herd_store_lost_writes_total", "Writes that need not be on disk at once, lost to a failed commit.",
            Double(statistics.lostWrites))
    }
}
