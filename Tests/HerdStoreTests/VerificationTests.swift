import Foundation
import HerdStore
import Testing

/// The check of a store at rest.
struct VerificationTests {
    private func closedStore(_ folder: TemporaryFolder) async throws {
        var options = quietOptions()
        options.kind = "tester"
        options.schemaVersion = 3
        let store = try openTestStore(folder, options: options)
        for round in UInt64(0)..<3 {
            try await store.write { transaction in
                for number in UInt64(0)..<400 where (number + round) % 3 > 0 {
                    let long = number % 50 == 0
                    try transaction.put(
                        [UInt8](repeating: UInt8(number & 255), count: long ? 9_000 : 200), for: number,
                        in: TestTables.numbers)
                }
                try transaction.put([1], for: "a", in: TestTables.names)
            }
        }
        await store.close()
    }

    private func run(_ folder: TemporaryFolder) throws(StoreError) -> StoreReport {
        try StoreVerification.run(folder.path, check: { _, _, _ in nil }, progress: { _, _ in })
    }

    @Test func aSoundStoreIsCountedWhole() async throws {
        let folder = try TemporaryFolder()
        try await closedStore(folder)
        let before = try Data(contentsOf: URL(filePath: folder.path + "/data.mdb"))
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        let report = try run(folder)
        #expect(report.isSound && report.kind == "tester" && report.schemaVersion == 3 && report.id != 0)
        #expect(report.tables.map(\.name) == ["blobs", "meta", "names", "numbers"])
        #expect(report.tables.map(\.entries) == [0, 6, 1, 400])
        #expect(report.fileBytes == before.count && report.freeBytes > 0)
        // It changes nothing, and leaves nothing.
        #expect(try Data(contentsOf: URL(filePath: folder.path + "/data.mdb")) == before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == files)
        try FileManager.default.removeItem(atPath: folder.path + "/herd.lock")
        #expect(try run(folder).isSound)
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/herd.lock"))
    }

    @Test func whatTheOwnerObjectsToIsReported() async throws {
        let folder = try TemporaryFolder()
        try await closedStore(folder)
        var done: [Int] = []
        let report = try StoreVerification.run(
            folder.path,
            check: { table, _, value in table == "numbers" && value.first == 7 ? "it is a seven" : nil },
            progress: { count, _ in done.append(count) })
        #expect(!report.isSound && report.damagedRecords == 2)
        #expect(report.damage.map(\.problem) == ["it is a seven", "it is a seven"])
        #expect(done == done.sorted() && done.last == 407)
    }

    @Test func filesThatAreNoStoreAreReported() async throws {
        let folder = try TemporaryFolder()
        #expect(code { _ = try run(folder) } == .missing)
        try await closedStore(folder)
        let file = URL(filePath: folder.path + "/data.mdb")
        let whole = try Data(contentsOf: file)
        for data in [Data(), Data("text".utf8), whole.prefix(whole.count / 2), Data(repeating: 255, count: 9_000)] {
            try data.write(to: file)
            #expect(try run(folder).structureProblem != nil, "\(data.count) bytes")
        }
    }

    @Test func aStoreInUseIsRefused() async throws {
        let folder = try TemporaryFolder()
        let child = try TortureProcess(["hold", folder.path])
        #expect(try child.nextLine() == "open")
        #expect(code { _ = try run(folder) } == .alreadyOpen)
        child.kill()
        child.waitForEnd()
        #expect(try run(folder).isSound)
    }

    @Test func aStoreOfAnotherServiceIsRefused() async throws {
        let folder = try TemporaryFolder()
        try await closedStore(folder)
        var options = quietOptions()
        options.schemaVersion = 3
        options.kind = "other"
        do throws(StoreError) {
            _ = try openTestStore(folder, options: options)
            Issue.record("a foreign store was opened")
        } catch {
            #expect(error.code == .foreign && error.message.contains("belongs to the tester, not to the other"))
        }
        // Whoever does not say is let in, as tools are.
        options.kind = ""
        await (try openTestStore(folder, options: options)).close()
    }
}
