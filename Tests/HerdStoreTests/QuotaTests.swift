import HerdStore
import Testing

/// The quota and a full disk: an error, nothing lost, and room can be made.
struct QuotaTests {
    private func fill(_ store: StoreEnvironment) async throws -> (stored: UInt64, error: StoreError?) {
        for number in UInt64(0)..<100_000 {
            do {
                try await store.write(.deferred) { transaction in
                    try transaction.put([UInt8](repeating: 3, count: 2000), for: number, in: TestTables.numbers)
                }
            } catch let error as StoreError {
                return (number, error)
            }
        }
        return (100_000, nil)
    }

    @Test func beyondTheQuotaOnlyRemovalsAreTaken() async throws {
        let folder = try TemporaryFolder()
        var options = quietOptions()
        options.maxBytes = 4 << 20
        let store = try openTestStore(folder, options: options)
        let (stored, error) = try await fill(store)
        #expect(error?.code == .resourceExhausted)
        #expect((500..<2100).contains(stored))
        #expect(try store.statistics().bytes <= 4 << 20)
        // But what goes with removals, one at a time.
        try await store.write { transaction in
            try transaction.beyondQuota { transaction throws(StoreError) in
                try transaction.put([1], for: "removed", in: TestTables.names)
            }
        }
        let refused = await code {
            try await store.write { transaction in try transaction.put([1], for: "more", in: TestTables.names) }
        }
        #expect(refused == .resourceExhausted)
        // Twice over, so that pages freed by the first round serve the second.
        for _ in 0..<2 {
            try await store.write { transaction in
                for number in 0..<stored { _ = try transaction.remove(number, in: TestTables.numbers) }
                _ = try transaction.remove("removed", in: TestTables.names)
            }
            #expect(try store.read { try $0.count(of: TestTables.numbers) } == 0)
            let (again, error) = try await fill(store)
            #expect(error?.code == .resourceExhausted)
            #expect(again == stored)
        }
        try await store.write { _ in }
        try store.read { transaction throws(StoreError) in
            for number in 0..<stored {
                #expect(try transaction.value(for: number, in: TestTables.numbers)?.count == 2000)
            }
        }
        await store.close()
    }

    /// The process's file size limit stands for the full disk: LMDB sees the same failing write.
    @Test func aFullDiskIsAnErrorAndLosesNothing() async throws {
        let folder = try TemporaryFolder()
        let child = try TortureProcess(["full", folder.path, "\(4 << 20)"])
        let output = try child.allLines()
        #expect(child.waitForEnd() == .exited(0))
        #expect(output.last == "closed")
        #expect(output.contains("diskFull"))
        let acknowledged = output.compactMap { line in UInt64(line) }
        #expect(acknowledged.count > 100)
        let store = try openTestStore(folder)
        try store.read { transaction throws(StoreError) in
            for number in acknowledged {
                #expect(try transaction.value(for: number, in: TestTables.numbers)?.count == 2000)
            }
            #expect(try transaction.contains("after", in: TestTables.names))
        }
        await store.close()
    }
}
