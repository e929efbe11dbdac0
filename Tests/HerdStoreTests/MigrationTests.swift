import HerdStore
import Testing

/// Schema versions: newer ones are refused, older ones brought up whole or not at all.
struct MigrationTests {
    private static let old = Table<String>("people")
    private static let new = Table<UInt64>("persons")

    private func options(_ version: UInt32, _ migrations: [StoreMigration] = []) -> StoreOptions {
        var options = quietOptions()
        options.schemaVersion = version
        options.migrations = migrations
        return options
    }

    /// A store of schema 1 with three records.
    private func oldStore(_ folder: TemporaryFolder) async throws {
        let store = try openTestStore(folder, tables: [Self.old.id], options: options(1))
        try await store.write { transaction in
            for (index, name) in ["ann", "bob", "cy"].enumerated() {
                try transaction.put([UInt8(index)], for: name, in: Self.old)
            }
        }
        await store.close()
    }

    /// From names to numbers, then the name's first letter doubled.
    private static let steps = [
        StoreMigration(from: 1, tables: [old.id], dropping: [old.id]) { transaction in
            var records: [(String, [UInt8])] = []
            try transaction.scan(old) { record throws(StoreError) in
                records.append((try record.key(), try record.value()))
                return .next
            }
            for (name, value) in records {
                try transaction.put(Array(name.utf8), for: UInt64(value[0]), in: new)
            }
        },
        StoreMigration(from: 2) { transaction in
            for key in UInt64(0)..<3 {
                guard let name = try transaction.value(for: key, in: new) else { continue }
                try transaction.put(name.prefix(1) + name, for: key, in: new)
            }
        },
    ]

    @Test func everyStepIsTakenInOneTransaction() async throws {
        let folder = try TemporaryFolder()
        try await oldStore(folder)
        for version: UInt32 in [3, 3] {
            let store = try openTestStore(folder, tables: [Self.new.id], options: options(version, Self.steps))
            #expect(try store.read { try $0.value(for: 1, in: Self.new) } == Array("bbob".utf8))
            #expect(try store.statistics().tables.map(\.name) == ["meta", "persons"])
            await store.close()
        }
    }

    @Test func aNewStoreIsNotMigrated() async throws {
        let folder = try TemporaryFolder()
        let store = try openTestStore(folder, tables: [Self.new.id], options: options(3, Self.steps))
        #expect(try store.read { try $0.count(of: Self.new) } == 0)
        await store.close()
    }

    @Test func aNewerSchemaIsRefused() async throws {
        let folder = try TemporaryFolder()
        await (try openTestStore(folder, options: options(7))).close()
        do throws(StoreError) {
            _ = try openTestStore(folder, options: options(6))
            Issue.record("a newer schema was opened")
        } catch {
            #expect(error.code == .schemaTooNew)
            #expect(error.message.contains("7") && error.message.contains("6"))
        }
        await (try openTestStore(folder, options: options(7))).close()
    }

    @Test func aFailingStepLeavesTheStoreAsItWas() async throws {
        struct Broken: Error {}
        let folder = try TemporaryFolder()
        try await oldStore(folder)
        let broken = [Self.steps[0], StoreMigration(from: 2) { _ in throw Broken() }]
        #expect(
            code { _ = try openTestStore(folder, tables: [Self.new.id], options: options(3, broken)) }
                == .migrationFailed)
        #expect(code { _ = try openTestStore(folder, tables: [Self.new.id], options: options(2)) } == .migrationFailed)
        let store = try openTestStore(folder, tables: [Self.old.id], options: options(1))
        #expect(try store.read { try $0.count(of: Self.old) } == 3)
        await store.close()
    }
}
