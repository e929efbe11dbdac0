import HerdStore
import Testing

/// Opening, writing, reading, scanning and closing, the ordinary way.
struct RoundTripTests {
    static let models = Table<String>("models")
    static let decisions = Table<UInt64>("decisions")

    @Test func whatWasWrittenIsReadAfterReopening() async throws {
        let folder = try TemporaryFolder()
        let first = try StoreEnvironment(path: folder.path, tables: [Self.models.id, Self.decisions.id])
        try await first.write { transaction in
            try transaction.put([1, 2, 3], for: "qwen", in: Self.models)
            try transaction.put([], for: "empty", in: Self.models)
            for number in UInt64(0)..<100 {
                try transaction.put([UInt8(number)], for: number * 1000, in: Self.decisions)
            }
        }
        let id = first.id
        await first.close()

        let second = try StoreEnvironment(path: folder.path, tables: [Self.models.id, Self.decisions.id])
        #expect(second.id == id)
        try second.read { transaction throws(StoreError) in
            #expect(try transaction.value(for: "qwen", in: Self.models) == [1, 2, 3])
            #expect(try transaction.value(for: "empty", in: Self.models) == [])
            #expect(try transaction.value(for: "none", in: Self.models) == nil)
            #expect(try transaction.count(of: Self.decisions) == 100)
            #expect(try transaction.firstKey(of: Self.decisions) == 0)
            #expect(try transaction.firstKey(of: Self.decisions, .all.reversed()) == 99000)
            var seen: [UInt64] = []
            try transaction.scan(Self.decisions, .after(UInt64(97000))) { record throws(StoreError) in
                seen.append(try record.key())
                return .next
            }
            #expect(seen == [98000, 99000])
        }
        await second.close()
        #expect(throws: StoreError.self) { try second.read { _ throws(StoreError) in } }
    }
}
