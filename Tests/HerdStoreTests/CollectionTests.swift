import HerdStore
import Testing

/// The cache of two generations and the bounded log.
struct CollectionTests {
    @Test func theOlderGenerationIsDroppedWhole() async throws {
        let folder = try TemporaryFolder()
        let cache = TwoGenerationTable<UInt64>("cache", maxEntries: 20, maxBytes: 1 << 20)
        var store = try openTestStore(folder, tables: cache.ids)
        for number in UInt64(0)..<25 {
            try await store.write { try cache.put([UInt8(number)], for: number, in: &$0) }
            if number == 14 {
                await store.close()
                store = try openTestStore(folder, tables: cache.ids)
            }
        }
        // 0-9 were dropped when 20 came, 10-19 are the older generation, 20-24 the newer.
        try store.read { transaction throws(StoreError) in
            for number in UInt64(0)..<25 {
                let found = try cache.withValue(for: number, in: transaction) { value, generation in
                    (value.byteCount, generation)
                }
                #expect(found?.0 == (number < 10 ? nil : 1))
                #expect(found?.1 == (number < 10 ? nil : number < 20 ? .older : .newer))
                #expect(try cache.value(for: number, in: transaction) == (number < 10 ? nil : [UInt8(number)]))
            }
            #expect(try cache.count(in: transaction) == 15)
        }
        try await store.write { transaction in
            // A key in both generations has its newest value.
            try cache.put([99], for: 12, in: &transaction)
            #expect(try cache.value(for: 12, in: transaction) == [99])
            #expect(try cache.remove(12, in: &transaction))
            #expect(try cache.value(for: 12, in: transaction) == nil)
            try cache.removeAll(in: &transaction)
            #expect(try cache.count(in: transaction) == 0)
        }
        await store.close()
    }

    @Test func theCacheKeepsToItsBytes() async throws {
        let folder = try TemporaryFolder()
        let cache = TwoGenerationTable<UInt64>("cache", maxEntries: 1_000_000, maxBytes: 1 << 20)
        let store = try openTestStore(folder, tables: cache.ids)
        var random = SeededGenerator(seed: printedSeed())
        for round in UInt64(0)..<40 {
            let values = (0..<100).map { _ in random.bytes(0...3000) }
            try await store.write { transaction in
                for (index, value) in values.enumerated() {
                    try cache.put(value, for: round * 100 + UInt64(index), in: &transaction)
                }
            }
            #expect(try store.statistics().bytes <= 1 << 20 + 1 << 16)
            #expect(try store.read { try cache.count(in: $0) } >= 100)
        }
        await store.close()
    }

    @Test func manyAtOnceAreKeptAsOneAfterTheOtherAre() async throws {
        let folder = try TemporaryFolder()
        var random = SeededGenerator(seed: printedSeed())
        // One bounded by records, one by bytes, each filled in both ways.
        for (maxEntries, maxBytes) in [(50, 1 << 30), (1_000_000, 1 << 19)] {
            let single = TwoGenerationTable<UInt64>("single", maxEntries: maxEntries, maxBytes: maxBytes)
            let many = TwoGenerationTable<UInt64>("many", maxEntries: maxEntries, maxBytes: maxBytes)
            let store = try openTestStore(folder, tables: single.ids + many.ids)
            for round in UInt64(0)..<30 {
                let values = (0..<UInt64.random(in: 0...90, using: &random)).map {
                    (key: round * 100 + $0, value: random.bytes(0...3000))
                }
                try await store.write { transaction in
                    for (key, value) in values { try single.put(value, for: key, in: &transaction) }
                    try many.put(values, in: &transaction)
                    #expect(try many.count(in: transaction) == single.count(in: transaction))
                }
                if let last = values.last {
                    #expect(try store.read { try many.value(for: last.key, in: $0) } == last.value)
                }
                #expect(try store.statistics().bytes <= 2 * (min(maxBytes, 50 * 4096 * 3) + 1 << 16))
            }
            try await store.write { transaction in
                try single.removeAll(in: &transaction)
                try many.removeAll(in: &transaction)
            }
            await store.close()
        }
    }

    @Test func whatIsAppendedIsFoundWhereItCame() async throws {
        let folder = try TemporaryFolder()
        var random = SeededGenerator(seed: printedSeed())
        let appended = TwoGenerationTable<UInt64>("appended", maxEntries: 1 << 40, maxBytes: 1 << 20)
        let store = try openTestStore(folder, tables: appended.ids)
        var turns = 0
        for round in UInt64(0)..<60 {
            let values = (0..<UInt64.random(in: 0...90, using: &random)).map {
                (key: round * 100 + $0, value: random.bytes(0...3000))
            }
            let (places, emptied) = try await store.write { transaction in
                var places: [UInt64: Int] = [:]
                var emptied = 0
                try appended.append(values, in: &transaction) { change in
                    switch change {
                    case .added(let key, let place): places[key] = place
                    case .emptied(let place):
                        places = places.filter { $0.value != place }
                        emptied += 1
                    }
                }
                return (places, emptied)
            }
            turns += emptied
            try store.read { transaction throws(StoreError) in
                let newer = try appended.newerPlace(in: transaction)
                for (key, value) in values {
                    guard let place = places[key] else {
                        #expect(try appended.value(for: key, in: transaction) == nil)
                        continue
                    }
                    let found = try appended.withValue(for: key, place: place, in: transaction) {
                        [UInt8](keyBytes: $0)
                    }
                    #expect(found == value)
                    let generation = try appended.withValue(for: key, in: transaction) { $1 }
                    #expect(generation == (place == newer ? .newer : .older))
                }
            }
        }
        #expect(turns > 2)
        await store.close()
    }

    @Test func theLogDropsItsOldest() async throws {
        let folder = try TemporaryFolder()
        let log = BoundedLog("log", maxEntries: 100, maxBytes: 1 << 20)
        let store = try openTestStore(folder, tables: log.ids)
        for round in 0..<5 {
            try await store.write { transaction in
                for number in 0..<60 { try log.append([UInt8(number)], in: &transaction) }
            }
            let (first, last, count) = try store.read { transaction throws(StoreError) in
                (
                    try transaction.firstKey(of: log.table), try transaction.firstKey(of: log.table, .all.reversed()),
                    try transaction.count(of: log.table)
                )
            }
            let total = UInt64((round + 1) * 60)
            #expect(last == total)
            #expect(count == Int(min(100, total)))
            #expect(first == total - min(100, total) + 1)
        }
        await store.close()
    }

    @Test func theLogKeepsToItsBytesAndItsNewest() async throws {
        let folder = try TemporaryFolder()
        let log = BoundedLog("log", maxEntries: 1_000_000, maxBytes: 200_000)
        let store = try openTestStore(folder, tables: log.ids)
        try await store.write { transaction in
            for _ in 0..<2000 { try log.append([UInt8](repeating: 1, count: 500), in: &transaction) }
            let size = try transaction.statistics(of: log.table.id)
            #expect(size.bytes <= 200_000)
            // Appended pages are full: at least three quarters of the bound is records.
            #expect(size.entries * 520 > 150_000)
            let last = try log.append([UInt8](repeating: 1, count: 1_000_000), in: &transaction)
            #expect(try transaction.count(of: log.table) == 1)
            #expect(try transaction.contains(last, in: log.table))
        }
        await store.close()
    }

    @Test func keysOfTheLogRiseAcrossRestartsEvenIfNothingWasStored() async throws {
        let folder = try TemporaryFolder()
        let log = BoundedLog("log", maxEntries: 10, maxBytes: 1 << 20)
        var last: UInt64 = 0
        for round in 0..<5 {
            let store = try openTestStore(folder, tables: log.ids)
            let sequence = try await log.openSequence(in: store)
            let keys = (0..<30).map { _ in sequence.next() }
            #expect(keys[0] > last)
            #expect(zip(keys, keys.dropFirst()).allSatisfy { one, next in one < next })
            last = keys[29]
            if round % 2 == 0 {
                // Out of order, as several event loops would.
                try await store.write { transaction in
                    for index in stride(from: 0, to: 30, by: 2) {
                        try log.put([1], at: keys[index + 1], in: &transaction)
                        try log.put([2], at: keys[index], in: &transaction)
                    }
                }
                try store.read { transaction throws(StoreError) in
                    #expect(try transaction.count(of: log.table) == 10)
                    #expect(try transaction.firstKey(of: log.table) == keys[20])
                    #expect(try transaction.value(for: keys[21], in: log.table) == [1])
                }
            }
            await store.close()
        }
    }

    @Test func theLastKeyIsAnErrorAndNotACrash() async throws {
        let folder = try TemporaryFolder()
        let log = BoundedLog("log", maxEntries: 10, maxBytes: 1 << 20)
        let store = try openTestStore(folder, tables: log.ids)
        try await store.write { try log.put([1], at: .max, in: &$0) }
        #expect(await code { try await store.write { _ = try log.append([1], in: &$0) } } == .resourceExhausted)
        #expect(await code { _ = try await log.openSequence(in: store) } == .resourceExhausted)
        await store.close()
    }
}
