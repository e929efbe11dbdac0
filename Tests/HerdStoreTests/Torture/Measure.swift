import CLMDB
import Foundation
import HerdStore

extension StoreTorture {
    /// Prints what reads, synced writes and enqueued writes cost on this machine and disk.
    static func measure(_ path: String, records: UInt64) async throws {
        let store = try open(path)
        try await fill(store, records)
        try await measureReads(store, records)
        try await measureSyncedWrites(store)
        try await measureEnqueuedWrites(store)
        await store.close()
    }

    private static func fill(_ store: StoreEnvironment, _ records: UInt64) async throws {
        let value = [UInt8](repeating: 7, count: 1500)
        let start = ContinuousClock.now
        for first in stride(from: 0, to: records, by: 1000) {
            try await store.write(.deferred) { transaction in
                for key in first..<min(first + 1000, records) { try transaction.put(value, for: key, in: numbers) }
            }
        }
        try await store.write { _ in }
        say("fill: \(records) records of 1,500 B in \(ContinuousClock.now - start)")
    }

    /// In processor time, since the machine may be busy with other things.
    private static func measureReads(_ store: StoreEnvironment, _ records: UInt64) async throws {
        let count = 1_000_000
        for hot in [records, 1000] {
            var random = SeededGenerator(seed: 1)
            let keys = (0..<count).map { _ in UInt64.random(in: 0..<hot, using: &random) }
            try each("get in one read, warming, 1 of \(hot)", count) { try getAll(keys, store) }
            try each("get in one read, 1 of \(hot)", count) { try getAll(keys, store) }
            try each("read and get, 1 of \(hot)", count) {
                for key in keys {
                    _ = try store.read { transaction throws(StoreError) in
                        try transaction.withValue(for: key, in: numbers) { value in value.byteCount }
                    }
                }
            }
        }
        try each("empty read", count) {
            for _ in 0..<count { _ = try store.read { transaction throws(StoreError) in transaction.revision } }
        }
        try each("checksum of 1,500 B", count) {
            let value = [UInt8](repeating: 7, count: 1500)
            var sum: UInt32 = 0
            for _ in 0..<count { sum ^= herd_crc32c(sum, value, value.count) }
            if sum == 0 { say("") }
        }
    }

    private static func getAll(_ keys: [UInt64], _ store: StoreEnvironment) throws {
        try store.read { transaction throws(StoreError) in
            for key in keys {
                _ = try transaction.withValue(for: key, in: numbers) { value in value.byteCount }
            }
        }
    }

    private static func each(_ what: String, _ count: Int, _ body: () throws -> Void) throws {
        var (start, end) = (timespec(), timespec())
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start)
        try body()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end)
        let nanoseconds = (end.tv_sec - start.tv_sec) * 1_000_000_000 + end.tv_nsec - start.tv_nsec
        say("\(what): \(nanoseconds / count) ns")
    }

    private static func measureSyncedWrites(_ store: StoreEnvironment) async throws {
        for writers in [1, 64] {
            let before = try store.statistics()
            let (start, each) = (ContinuousClock.now, 64_00 / writers * (writers == 1 ? 1 : 5))
            try await withThrowingTaskGroup { group in
                for writer in 0..<writers {
                    group.addTask {
                        for number in 0..<each {
                            let key = UInt64(writer) << 40 | UInt64(number) | 1 << 60
                            try await store.write { transaction in
                                try transaction.put([UInt8](repeating: 7, count: 200), for: key, in: numbers)
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            let after = try store.statistics()
            let commits = after.commits - before.commits
            let fsync = Double(after.commitNanoseconds - before.commitNanoseconds) / Double(commits) / 1000
            say(
                "synced writes, \(writers) writers: \(Int(Double(writers * each) / seconds)) per s, "
                    + "\(commits) commits of \(Int(fsync)) us")
        }
    }

    private static func measureEnqueuedWrites(_ store: StoreEnvironment) async throws {
        let value = [UInt8](repeating: 7, count: 200)
        var spent = Duration.zero
        let (rounds, burst) = (100, UInt64(1000))
        let start = ContinuousClock.now
        for round in 0..<UInt64(rounds) {
            let begin = ContinuousClock.now
            for number in 0..<burst {
                let key = round * burst + number
                store.enqueue { transaction in try transaction.put(value, for: String(key), in: names) }
            }
            spent += ContinuousClock.now - begin
            try await store.write { _ in }
        }
        let total = ContinuousClock.now - start
        let count = rounds * Int(burst)
        say("enqueue: \(spent / count) each; applied and committed: \(total / count) each")
        say("dropped: \(try store.statistics().droppedWrites)")
    }
}
