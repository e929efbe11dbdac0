import Foundation
import HerdStore
import Testing

/// Backups and restorations: whole under their name, or not there at all.
struct CopyTests {
    private func filledStore(_ folder: TemporaryFolder, records: UInt64 = 500) async throws -> StoreEnvironment {
        let store = try openTestStore(folder)
        try await store.write { transaction in
            for number in 0..<records {
                try transaction.put([UInt8](repeating: 7, count: 1_000), for: number, in: TestTables.numbers)
            }
        }
        return store
    }

    @Test func aCopyIsThereWholeAndNothingElse() async throws {
        let folder = try TemporaryFolder()
        let store = try await filledStore(folder)
        let target = folder.path + "/copies/monday"
        let steps = Steps()
        try await store.backup(to: target) { step in steps.add(step) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/copies") == ["monday"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: target) == ["data.mdb"])
        let all = steps.all
        #expect(all.first?.done == 0 && all.last?.done == all.last?.total && all.last?.done ?? 0 > 500_000)
        // An empty folder is as good as none; one that holds anything is left alone.
        let empty = folder.path + "/empty"
        try FileManager.default.createDirectory(atPath: empty, withIntermediateDirectories: false)
        try await store.backup(to: empty + "/")
        #expect(try FileManager.default.contentsOfDirectory(atPath: empty) == ["data.mdb"])
        #expect(await code { try await store.backup(to: empty) } == .alreadyExists)
        // The time is kept in the store, so that a restart does not forget it.
        try await store.write { _ in }
        #expect(try store.statistics().lastBackupMilliseconds > 1_700_000_000_000)
        await store.close()
    }

    @Test func aCopyLeavesOutPagesThatAreFree() async throws {
        let folder = try TemporaryFolder()
        let store = try await filledStore(folder, records: 3_000)
        try await remove(500..<3_000, from: store)
        try await store.backup(to: folder.path + "/copy")
        #expect(try store.statistics().freeBytes > 2_000_000)
        let report = try verified(folder.path + "/copy")
        #expect(report.isSound && report.freeBytes == 0)
        #expect(report.fileBytes < 1_500_000)
        await store.close()
    }

    private func remove(_ numbers: Range<UInt64>, from store: StoreEnvironment) async throws {
        try await store.write { transaction in
            for number in numbers {
                _ = try transaction.remove(number, in: TestTables.numbers)
            }
        }
    }

    /// LMDB refuses to leave out what is free where pages are neither free nor in use.
    @Test func aStoreThatHasLostAPageIsCopiedAsItIs() async throws {
        let folder = try TemporaryFolder()
        var store = try await filledStore(folder)
        try await remove(0..<400, from: store)
        await store.close()
        try loseAPage(folder.path + "/data.mdb")
        store = try openTestStore(folder)
        let before = try store.statistics()
        try await store.backup(to: folder.path + "/copy")
        let report = try verified(folder.path + "/copy")
        #expect(report.freeBytes > 0 && report.freeBytes == before.freeBytes)
        let copy = try StoreEnvironment(path: folder.path + "/copy", tables: TestTables.ids, options: quietOptions())
        #expect(try copy.read { try $0.count(of: TestTables.numbers) } == 100)
        await copy.close()
        await store.close()
    }

    /// Takes the last page off the longest list of free pages. Numbers are little endian: a header page begins with 16 bytes
    /// of a page's own and 24 of the file's, then comes the table of free pages, 48 bytes with its root at the end; the
    /// number of the transaction is at 144. A leaf has the places of its records from byte 16 to that in bytes 12 and 13; a
    /// record has 8 bytes of its own, a key of 8, a count and as many page numbers.
    private func loseAPage(_ path: String) throws {
        var file = try [UInt8](Data(contentsOf: URL(filePath: path)))
        func number(at offset: Int, bytes: Int = 8) -> Int {
            (0..<bytes).reduce(0) { sum, byte in sum | Int(file[offset + byte]) << (8 * byte) }
        }
        let pageBytes = number(at: 16 + 24, bytes: 4)
        let header = number(at: 144) > number(at: pageBytes + 144) ? 0 : pageBytes
        let root = number(at: header + 16 + 24 + 40) * pageBytes
        let records = stride(from: 16, to: number(at: root + 12, bytes: 2), by: 2).map { slot in
            root + number(at: root + slot, bytes: 2)
        }
        let longest = try #require(records.max { one, other in number(at: one + 16) < number(at: other + 16) })
        let count = number(at: longest + 16)
        try #require((2...500).contains(count))
        for byte in 0..<8 { file[longest + 16 + byte] = UInt8(truncatingIfNeeded: (count - 1) >> (8 * byte)) }
        try Data(file).write(to: URL(filePath: path))
    }

    @Test func whatAKilledBackupLeftIsNoObstacle() async throws {
        let folder = try TemporaryFolder()
        let store = try await filledStore(folder)
        let left = folder.path + "/copy.incomplete"
        try FileManager.default.createDirectory(atPath: left, withIntermediateDirectories: false)
        try Data("half".utf8).write(to: URL(filePath: left + "/data.mdb"))
        try await store.backup(to: folder.path + "/copy")
        #expect(!FileManager.default.fileExists(atPath: left))
        #expect(try verified(folder.path + "/copy").isSound)
        await store.close()
    }

    @Test func aCancelledBackupLeavesNothing() async throws {
        let folder = try TemporaryFolder()
        let store = try await filledStore(folder)
        let target = folder.path + "/copy"
        let task = Task {
            // Cancelled before the first byte, at the latest.
            withUnsafeCurrentTask { task in task?.cancel() }
            try await store.backup(to: target)
        }
        #expect(await code { try await task.value } == .cancelled)
        #expect(!FileManager.default.fileExists(atPath: target))
        #expect(!FileManager.default.fileExists(atPath: target + ".incomplete"))
        try await store.backup(to: target)
        await store.close()
    }

    @Test func twoCopiesToOnePlaceDoNotMix() async throws {
        let folder = try TemporaryFolder()
        let store = try await filledStore(folder, records: 5_000)
        let target = folder.path + "/copy"
        let outcomes = await withTaskGroup(of: StoreError.Code?.self) { group in
            for _ in 0..<4 { group.addTask { await code { try await store.backup(to: target) } } }
            return await group.reduce(into: []) { outcomes, outcome in outcomes.append(outcome) }
        }
        #expect(outcomes.filter { $0 == nil }.count == 1)
        #expect(outcomes.allSatisfy { $0 == nil || $0 == .alreadyOpen || $0 == .alreadyExists })
        #expect(try verified(target).isSound)
        await store.close()
    }

    @Test func aRestorationIsAStore() async throws {
        let folder = try TemporaryFolder()
        let store = try await filledStore(folder)
        try await store.backup(to: folder.path + "/copy")
        let target = folder.path + "/restored"
        // A store that is open can't be copied as files.
        #expect(code { try StoreRestoration.copy(folder.path, to: target) { _ in }.discard() } == .alreadyOpen)
        try StoreRestoration.copy(folder.path + "/copy", to: target) { _ in }.discard()
        #expect(!FileManager.default.fileExists(atPath: target))
        try StoreRestoration.copy(folder.path + "/copy", to: target) { _ in }.finish()
        #expect(try FileManager.default.contentsOfDirectory(atPath: target) == ["data.mdb"])
        let restored = try StoreEnvironment(path: target, tables: TestTables.ids, options: quietOptions())
        #expect(restored.id == store.id)
        #expect(try restored.read { try $0.count(of: TestTables.numbers) } == 500)
        await restored.close()
        await store.close()
    }

    private func verified(_ path: String) throws(StoreError) -> StoreReport {
        try StoreVerification.run(path, check: { _, _, _ in nil }, progress: { _, _ in })
    }
}

/// Progress as it is told, from another thread.
private final class Steps: @unchecked Sendable {
    private let lock = NSLock()
    private var steps: [CopyProgress] = []

    var all: [CopyProgress] { lock.withLock { steps } }

    func add(_ step: CopyProgress) { lock.withLock { steps.append(step) } }
}
