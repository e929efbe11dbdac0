import HerdStore
import Testing

/// Writing and reading back, against a model in memory.
struct RoundTripTests {
    @Test func whatWasWrittenIsReadAfterReopening() async throws {
        let folder = try TemporaryFolder()
        let first = try openTestStore(folder)
        try await first.write { transaction in
            try transaction.put([1, 2, 3], for: "qwen", in: TestTables.names)
            try transaction.put([], for: "empty", in: TestTables.names)
        }
        let id = first.id
        await first.close()

        let second = try openTestStore(folder)
        #expect(second.id == id)
        try second.read { transaction throws(StoreError) in
            #expect(try transaction.value(for: "qwen", in: TestTables.names) == [1, 2, 3])
            #expect(try transaction.value(for: "empty", in: TestTables.names) == [])
            #expect(try transaction.value(for: "none", in: TestTables.names) == nil)
            #expect(try transaction.contains("empty", in: TestTables.names))
            #expect(try transaction.withValue(for: "qwen", in: TestTables.names) { value in value.byteCount } == 3)
        }
        await second.close()
    }

    @Test func randomWritesMatchAModel() async throws {
        var random = SeededGenerator(seed: printedSeed())
        let folder = try TemporaryFolder()
        var store = try openTestStore(folder)
        var model: [[UInt8]: [UInt8]] = [:]
        for _ in 0..<20 {
            var changes: [(key: [UInt8], value: [UInt8]?)] = []
            for _ in 0..<100 {
                let key = random.bytes(1...(Bool.random(using: &random) ? 2 : 511))
                // Values of a page and more lie on pages of their own.
                let value = random.bytes(0...(Int.random(in: 0..<10, using: &random) == 0 ? 20_000 : 300))
                changes.append((key, Int.random(in: 0..<4, using: &random) == 0 ? nil : value))
            }
            try await store.write { [changes] transaction in
                for (key, value) in changes {
                    if let value {
                        try transaction.put(value, for: key, in: TestTables.blobs)
                    } else {
                        _ = try transaction.remove(key, in: TestTables.blobs)
                    }
                }
            }
            for (key, value) in changes { model[key] = value }
            if Int.random(in: 0..<4, using: &random) == 0 {
                await store.close()
                store = try openTestStore(folder)
            }
            try expect(store, toHold: model)
        }
        await store.close()
    }

    private func expect(_ store: StoreEnvironment, toHold model: [[UInt8]: [UInt8]]) throws {
        let sorted = model.sorted { one, other in one.key.lexicographicallyPrecedes(other.key) }
        try store.read { transaction throws(StoreError) in
            #expect(try transaction.count(of: TestTables.blobs) == model.count)
            var index = 0
            try transaction.scan(TestTables.blobs) { record throws(StoreError) in
                #expect(try record.key() == sorted[index].key)
                #expect(try record.value() == sorted[index].value)
                index += 1
                return .next
            }
            #expect(index == model.count)
            for (key, value) in model.prefix(50) {
                #expect(try transaction.value(for: key, in: TestTables.blobs) == value)
            }
        }
    }

    @Test func insertKeepsWhatIsThere() async throws {
        let folder = try TemporaryFolder()
        let store = try openTestStore(folder)
        let inserted = try await store.write { transaction in
            let first = try transaction.insert([1], for: "a", in: TestTables.names)
            let second = try transaction.insert([2], for: "a", in: TestTables.names)
            return [first, second]
        }
        #expect(inserted == [true, false])
        #expect(
            try store.read { transaction throws(StoreError) in
                try transaction.value(for: "a", in: TestTables.names)
            } == [1])
        await store.close()
    }

    @Test func aValueIsFilledInPlace() async throws {
        let folder = try TemporaryFolder()
        let store = try openTestStore(folder)
        try await store.write { transaction in
            try transaction.put(byteCount: 3, for: UInt64.max, in: TestTables.numbers) { space in
                for index in 0..<3 { space.storeBytes(of: UInt8(index + 7), toByteOffset: index, as: UInt8.self) }
            }
        }
        #expect(
            try store.read { transaction throws(StoreError) in
                try transaction.value(for: UInt64.max, in: TestTables.numbers)
            } == [7, 8, 9])
        await store.close()
    }

    @Test(arguments: [0, 512, 100_000]) func keysOfWrongLengthAreRefused(length: Int) async throws {
        let folder = try TemporaryFolder()
        let store = try openTestStore(folder)
        let key = [UInt8](repeating: 1, count: length)
        #expect(
            await code { try await store.write { try $0.put([1], for: key, in: TestTables.blobs) } } == .invalidArgument
        )
        #expect(
            await code { try await store.write { _ = try $0.remove(key, in: TestTables.blobs) } } == .invalidArgument)
        #expect(
            code {
                _ = try store.read { transaction throws(StoreError) in
                    try transaction.value(for: key, in: TestTables.blobs)
                }
            } == .invalidArgument)
        await store.close()
    }

    @Test func keysOfEveryAllowedLengthAreKept() async throws {
        let folder = try TemporaryFolder()
        let store = try openTestStore(folder)
        try await store.write { transaction in
            for length in 1...511 {
                try transaction.put(
                    [UInt8(length & 255)], for: [UInt8](repeating: 7, count: length), in: TestTables.blobs)
            }
        }
        try store.read { transaction throws(StoreError) in
            for length in 1...511 {
                let value = try transaction.value(for: [UInt8](repeating: 7, count: length), in: TestTables.blobs)
                #expect(value == [UInt8(length & 255)])
            }
        }
        await store.close()
    }

    @Test func aTableThatWasNotDeclaredIsAnError() async throws {
        let folder = try TemporaryFolder()
        let store = try openTestStore(folder)
        let other = Table<String>("other")
        #expect(await code { try await store.write { try $0.put([1], for: "a", in: other) } } == .unknownTable)
        #expect(code { try store.read { _ = try $0.count(of: other) } } == .unknownTable)
        await store.close()
    }
}
