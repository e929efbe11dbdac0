import HerdStore
import Testing

/// What a store tells of itself.
struct StatisticsTests {
    @Test func readersFreePagesAndTheQuotaAreCounted() async throws {
        let folder = try TemporaryFolder()
        var options = quietOptions()
        options.schemaVersion = 4
        let store = try openTestStore(folder, options: options)
        for value: UInt8 in 0..<4 {
            try await store.write { transaction in
                for number in UInt64(0)..<100 {
                    try transaction.put([UInt8](repeating: value, count: 500), for: number, in: TestTables.numbers)
                }
            }
        }
        let idle = try store.statistics()
        #expect(idle.maxBytes == options.maxBytes && idle.schemaVersion == 4 && idle.damagedRecords == 0)
        #expect(idle.freeBytes > 0 && idle.freeBytes + idle.bytes <= idle.fileBytes)
        #expect(idle.commits >= 4 && idle.longestCommitNanoseconds >= idle.commitNanoseconds / idle.commits)
        #expect(idle.lastBackupMilliseconds == 0)
        let busy = try store.read { _ in
            // Time passes for the coarse clock.
            let end = ContinuousClock.now + .milliseconds(30)
            while ContinuousClock.now < end {}
            return try store.statistics()
        }
        #expect(busy.activeReaders >= 1)
        #expect((10_000_000...60_000_000_000).contains(busy.oldestReaderNanoseconds))
        let after = try store.statistics()
        #expect(after.activeReaders == 0 && after.oldestReaderNanoseconds == 0)
        await store.close()
    }
}
