import HerdStore
import Testing

/// The log of blocks of entries, which goes on from one of single records.
struct BlockLogTests {
    private static func log(_ maxEntries: Int, maxBytes: Int = 1 << 20) -> BlockLog {
        BlockLog("blocks", goingOnFrom: BoundedLog("log", maxEntries: maxEntries, maxBytes: maxBytes))
    }

    /// A block of so many entries.
    private static func block(_ entries: UInt32, _ content: [UInt8]) -> [UInt8] {
        withUnsafeBytes(of: entries.littleEndian) { Array($0) } + content
    }

    private static func put(
        _ log: BlockLog, _ block: [UInt8], at key: UInt64, in transaction: inout WriteTransaction
    ) throws {
        try log.put(block.span.bytes, at: key, in: &transaction)
    }

    private static func content(_ log: BlockLog, of key: UInt64, _ store: StoreEnvironment) throws -> [UInt8]? {
        try store.read { transaction in
            try log.withBlock(before: key, in: transaction) { block in
                block.withUnsafeBytes { Array($0[BlockLog.headerBytes...]) }
            }
        }
    }

    @Test func anEntryIsFoundInTheBlockThatBeginsBeforeIt() async throws {
        let folder = try TemporaryFolder()
        let log = Self.log(1_000)
        let store = try openTestStore(folder, tables: log.ids)
        try await store.write { transaction in
            try Self.put(log, Self.block(10, [1]), at: 100, in: &transaction)
            try Self.put(log, Self.block(5, [2]), at: 110, in: &transaction)
        }
        for (key, content) in [(99, nil), (100, [1]), (109, [1]), (110, [2]), (9_999, [2])] as [(UInt64, [UInt8]?)] {
            #expect(try Self.content(log, of: key, store) == content, "\(key)")
        }
        await store.close()
    }

    @Test func theOldestGoFirstAndThoseOfTheEarlierLogBeforeThem() async throws {
        let folder = try TemporaryFolder()
        let log = Self.log(100)
        var store = try openTestStore(folder, tables: log.ids)
        try await store.write { transaction in
            for number in 0..<50 { try log.earlier.append([UInt8(number)], in: &transaction) }
        }
        for round in UInt64(0)..<20 {
            if round == 7 {
                await store.close()
                store = try openTestStore(folder, tables: log.ids)
            }
            try await store.write { transaction in
                try Self.put(log, Self.block(15, [UInt8(round)]), at: 1_000 + 15 * round, in: &transaction)
            }
            let written = 50 + 15 * (Int(round) + 1)
            let (single, first) = try store.read { transaction throws(StoreError) in
                (try transaction.count(of: log.earlier.table), try log.firstKey(in: transaction))
            }
            #expect(single == max(0, min(50, 50 - (written - 100))))
            // Blocks go whole: of the last hundred entries at most one block's less are there.
            let blocks = min(Int(round) + 1, (100 - single) / 15)
            #expect(first == (single > 0 ? UInt64(51 - single) : 1_000 + 15 * (round + 1 - UInt64(blocks))))
        }
        await store.close()
    }

    @Test func theNewestBlockStaysWhateverItsSize() async throws {
        let folder = try TemporaryFolder()
        let log = Self.log(10, maxBytes: 20_000)
        let store = try openTestStore(folder, tables: log.ids)
        for round in UInt64(0)..<3 {
            try await store.write { transaction in
                let block = Self.block(500, [UInt8](repeating: UInt8(round), count: 100_000))
                try Self.put(log, block, at: 1 + 500 * round, in: &transaction)
                #expect(try transaction.count(of: log.table) == 1)
            }
            #expect(try Self.content(log, of: 500 * (round + 1), store)?.first == UInt8(round))
        }
        await store.close()
    }

    @Test func keysRiseAcrossRestarts() async throws {
        let folder = try TemporaryFolder()
        let log = Self.log(10)
        var last: UInt64 = 0
        for _ in 0..<3 {
            let store = try openTestStore(folder, tables: log.ids)
            let key = try await log.earlier.openSequence(in: store).next()
            #expect(key > last)
            last = key
            try await store.write { transaction in try Self.put(log, Self.block(1, [0]), at: key, in: &transaction) }
            await store.close()
        }
    }

    @Test func whatIsHurriedIsAppliedBeforeTheIntervalIsOver() async throws {
        let folder = try TemporaryFolder()
        let log = Self.log(10)
        var options = StoreOptions()
        options.deferredInterval = .seconds(60)
        let store = try StoreEnvironment(path: folder.path, tables: log.ids, options: options)
        let (applied, continuation) = AsyncStream<Void>.makeStream()
        store.enqueue { transaction in
            try Self.put(log, Self.block(1, [7]), at: 1, in: &transaction)
            continuation.finish()
        }
        store.hurry()
        for await _ in applied {}
        await store.close()
    }
}
