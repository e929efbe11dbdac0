import HerdStore
import Synchronization
import Testing

/// Snapshots, group commit, rollback of single closures, deferred writes, the bounds of the queue.
struct WriteTests {
    @Test func aReadSeesOneMoment() async throws {
        let folder = try TemporaryFolder()
        let store = try openTestStore(folder)
        // Two records that are always equal; a read that saw two moments would find them different.
        let writer = Task {
            for round in 0..<200 {
                try await store.write(round % 20 == 0 ? .synced : .deferred) { transaction in
                    try transaction.put([UInt8(round)], for: "one", in: TestTables.names)
                    try transaction.put([UInt8(round)], for: "two", in: TestTables.names)
                }
            }
        }
        try await withThrowingTaskGroup { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<2000 {
                        try store.read { transaction throws(StoreError) in
                            let one = try transaction.value(for: "one", in: TestTables.names)
                            let two = try transaction.value(for: "two", in: TestTables.names)
                            #expect(one == two)
                        }
                        await Task.yield()
                    }
                }
            }
            try await group.waitForAll()
        }
        try await writer.value
        await store.close()
    }

    @Test func manyWritersShareCommits() async throws {
        let folder = try TemporaryFolder()
        let store = try openTestStore(folder)
        let before = try store.statistics().commits
        let (writers, writes) = (64, 50)
        try await withThrowingTaskGroup { group in
            for writer in 0..<writers {
                group.addTask {
                    for number in 0..<writes {
                        let key = UInt64(writer * writes + number)
                        try await store.write { transaction in
                            try transaction.put([1], for: key, in: TestTables.numbers)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let statistics = try store.statistics()
        #expect(statistics.writes == UInt64(writers * writes))
        #expect(statistics.commits - before < UInt64(writers * writes / 4))
        await store.close()
        let reopened = try openTestStore(folder)
        #expect(try reopened.read { try $0.count(of: TestTables.numbers) } == writers * writes)
        await reopened.close()
    }

    @Test func aFailingClosureIsUndoneAlone() async throws {
        struct Refused: Error {}
        let folder = try TemporaryFolder()
        let store = try openTestStore(folder)
        let failures = await withTaskGroup(of: Int.self) { group in
            for number in UInt64(0)..<400 {
                group.addTask {
                    do {
                        try await store.write { transaction in
                            try transaction.put([1], for: number, in: TestTables.numbers)
                            try transaction.put([1], for: number + 1_000_000, in: TestTables.numbers)
                            if number % 3 == 0 { throw Refused() }
                        }
                        return 0
                    } catch {
                        #expect(error is Refused)
                        return 1
                    }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(failures == 134)
        try store.read { transaction throws(StoreError) in
            for number in UInt64(0)..<400 {
                let isKept = number % 3 != 0
                #expect(try transaction.contains(number, in: TestTables.numbers) == isKept)
                #expect(try transaction.contains(number + 1_000_000, in: TestTables.numbers) == isKept)
            }
        }
        await store.close()
    }

    @Test func aWriteReadsWhatItWroteAndReturnsAValue() async throws {
        let folder = try TemporaryFolder()
        let store = try openTestStore(folder)
        let value = try await store.write(.deferred) { transaction in
            try transaction.put([5], for: "a", in: TestTables.names)
            return try transaction.value(for: "a", in: TestTables.names)
        }
        #expect(value == [5])
        // Applied, not committed: only a later commit shows it to readers, and a synced write brings one.
        try await store.write { _ in }
        #expect(try store.read { try $0.contains("a", in: TestTables.names) })
        await store.close()
    }

    @Test func enqueuedWritesAreCommittedWithoutBeingAskedFor() async throws {
        let folder = try TemporaryFolder()
        let store = try openTestStore(folder)
        #expect(store.enqueue { try $0.put([1], for: "a", in: TestTables.names) })
        let deadline = ContinuousClock.now + .seconds(30)
        while try !store.read({ try $0.contains("a", in: TestTables.names) }), ContinuousClock.now < deadline {
            await Task.yield()
        }
        #expect(try store.read { try $0.contains("a", in: TestTables.names) })
        await store.close()
    }

    @Test func writesKeepTheirOrder() async throws {
        let folder = try TemporaryFolder()
        let store = try openTestStore(folder)
        for number in UInt64(0)..<1000 {
            store.enqueue { try $0.put(OrderedBytes().adding(number).bytes, for: "last", in: TestTables.names) }
        }
        let last = try await store.write { try $0.value(for: "last", in: TestTables.names) }
        #expect(last == OrderedBytes().adding(999).bytes)
        await store.close()
    }

    @Test func theQueueIsBounded() async throws {
        let folder = try TemporaryFolder()
        var options = quietOptions()
        options.maxQueuedWrites = 4
        options.maxQueuedDeferred = 8
        let store = try openTestStore(folder, options: options)
        // The writer thread is held in a closure until the queue is full behind it.
        let (isHeld, hold) = AsyncStream.makeStream(of: Void.self)
        let released = Mutex(false)
        let holder = Task {
            try await store.write { _ in
                hold.finish()
                while !released.withLock({ $0 }) {}
            }
        }
        for await _ in isHeld {}
        for number in UInt64(0)..<8 {
            #expect(store.enqueue { try $0.put([1], for: number, in: TestTables.numbers) })
        }
        #expect(!store.enqueue { _ in })
        let waiting = (0..<4).map { _ in Task { try await store.write { _ in } } }
        while try store.statistics().queuedWrites < 12 { await Task.yield() }
        #expect(await code { try await store.write { _ in } } == .resourceExhausted)
        let statistics = try store.statistics()
        #expect(statistics.droppedWrites == 1)
        released.withLock { $0 = true }
        try await holder.value
        for task in waiting { try await task.value }
        #expect(try store.read { try $0.count(of: TestTables.numbers) } == 8)
        await store.close()
    }

    @Test func aCancelledTaskStillGetsItsResult() async throws {
        let folder = try TemporaryFolder()
        let store = try openTestStore(folder)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await store.write { transaction in
                try transaction.put([1], for: "a", in: TestTables.names)
                return 7
            }
        }
        #expect(try await task.value == 7)
        #expect(try store.read { try $0.contains("a", in: TestTables.names) })
        await store.close()
    }
}
