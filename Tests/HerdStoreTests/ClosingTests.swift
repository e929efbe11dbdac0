import HerdStore
import Synchronization
import Testing

/// Closing under load, and what is refused afterwards.
struct ClosingTests {
    @Test func writesInFlightAreKeptOrRefused() async throws {
        let seed = printedSeed()
        var random = SeededGenerator(seed: seed)
        for _ in 0..<10 {
            let folder = try TemporaryFolder()
            let store = try openTestStore(folder)
            let closeAfter = Int.random(in: 0..<200, using: &random)
            let (acknowledged, acknowledge) = AsyncStream.makeStream(of: UInt64.self)
            let kept = try await withThrowingTaskGroup(of: [UInt64].self) { group in
                for writer in UInt64(0)..<8 {
                    group.addTask {
                        var mine: [UInt64] = []
                        for number in 0..<UInt64.max {
                            let key = writer << 32 | number
                            do {
                                try await store.write { try $0.put([1], for: key, in: TestTables.numbers) }
                            } catch let error as StoreError where error.code == .closed {
                                return mine
                            }
                            mine.append(key)
                            acknowledge.yield(key)
                        }
                        return mine
                    }
                }
                var count = 0
                for await _ in acknowledged {
                    count += 1
                    if count >= closeAfter { break }
                }
                await store.close()
                return try await group.reduce(into: []) { all, mine in all += mine }
            }
            let reopened = try openTestStore(folder)
            let stored = try reopened.read { transaction throws(StoreError) in
                var keys: [UInt64] = []
                try transaction.scan(TestTables.numbers) { record throws(StoreError) in
                    keys.append(try record.key())
                    return .next
                }
                return keys
            }
            #expect(stored == kept.sorted())
            await reopened.close()
        }
    }

    @Test func everythingIsRefusedAfterClosing() async throws {
        let folder = try TemporaryFolder()
        let store = try openTestStore(folder)
        await store.close()
        await store.close()
        #expect(await code { try await store.write { _ in } } == .closed)
        #expect(code { try store.read { _ throws(StoreError) in } } == .closed)
        #expect(code { _ = try store.statistics() } == .closed)
        let refusals = Mutex(0)
        #expect(!store.drain(.drain, refused: { refusals.withLock { $0 += 1 } }) { _ in })
        #expect(!store.enqueue(refused: { refusals.withLock { $0 += 1 } }) { _ in })
        #expect(refusals.withLock { $0 } == 2)
        #expect(await code { try await store.backup(to: folder.path + "/copy") } == .closed)
        #expect(!store.enqueue { _ in })
    }

    @Test func closingWaitsForReaders() async throws {
        let folder = try TemporaryFolder()
        let store = try openTestStore(folder)
        try await store.write { try $0.put([1], for: "a", in: TestTables.names) }
        let (isReading, reading) = AsyncStream.makeStream(of: Void.self)
        let reader = Task {
            try store.read { transaction throws(StoreError) in
                reading.finish()
                // Reads on until the store refuses new reads, which it does once it is closing.
                while code({ try store.read { _ throws(StoreError) in } }) != .closed {}
                return try transaction.value(for: "a", in: TestTables.names)
            }
        }
        for await _ in isReading {}
        await store.close()
        #expect(try await reader.value == [1])
    }

    @Test func aStoreThatIsLetGoClosesItself() async throws {
        let folder = try TemporaryFolder()
        for round in UInt64(0)..<5 {
            let store = try openTestStore(folder)
            store.enqueue { try $0.put([1], for: round, in: TestTables.numbers) }
            // The last reference goes here; the next round opens the folder again.
        }
        let store = try openTestStore(folder)
        #expect(try store.read { try $0.count(of: TestTables.numbers) } == 5)
        await store.close()
    }

    @Test func aStoreLetGoByItsOwnWriterClosesItself() async throws {
        let folder = try TemporaryFolder()
        var store: StoreEnvironment? = try openTestStore(folder)
        if let held = store {
            held.enqueue { transaction in
                try transaction.put([1], for: "a", in: TestTables.names)
                _ = held.path
            }
        }
        store = nil
        var reopened: StoreEnvironment?
        let deadline = ContinuousClock.now + .seconds(30)
        while reopened == nil, ContinuousClock.now < deadline { reopened = try? openTestStore(folder) }
        let opened = try #require(reopened)
        #expect(try opened.read { try $0.contains("a", in: TestTables.names) })
        await opened.close()
    }
}
