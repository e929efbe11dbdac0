import Foundation
import HerdStore
import Testing

/// Who may open a folder, and what opening makes of it.
struct OpeningTests {
    @Test func aSecondOpenInThisProcessIsRefused() async throws {
        let folder = try TemporaryFolder()
        let store = try openTestStore(folder)
        do throws(StoreError) {
            _ = try openTestStore(folder)
            Issue.record("the second open succeeded")
        } catch {
            #expect(error.code == .alreadyOpen)
            #expect(error.message.contains(folder.path))
        }
        // Another way to the same folder is no way around.
        let link = folder.path + "-link"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: folder.path)
        defer { try? FileManager.default.removeItem(atPath: link) }
        #expect(
            code { _ = try StoreEnvironment(path: link, tables: TestTables.ids, options: quietOptions()) }
                == .alreadyOpen)
        await store.close()
        await (try openTestStore(folder)).close()
    }

    @Test func aSecondOpenFromAnotherProcessIsRefused() async throws {
        let folder = try TemporaryFolder()
        let child = try TortureProcess(["hold", folder.path])
        #expect(try child.nextLine() == "open")
        do throws(StoreError) {
            _ = try openTestStore(folder)
            Issue.record("the second open succeeded")
        } catch {
            #expect(error.code == .alreadyOpen)
            #expect(error.message.contains("\(child.identifier)"))
        }
        child.kill()
        child.waitForEnd()
        // The kernel freed the folder with the process.
        await (try openTestStore(folder)).close()
    }

    @Test func foldersAreCreatedForThisUserOnly() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/a/b"
        await (try StoreEnvironment(path: path, tables: [], options: quietOptions())).close()
        for made in [folder.path + "/a", path] {
            let mode = try FileManager.default.attributesOfItem(atPath: made)[.posixPermissions] as? Int
            #expect(mode == 0o700)
        }
        let mode = try FileManager.default.attributesOfItem(atPath: path + "/data.mdb")[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test(.enabled(if: !Self.isThreadSanitized, "the thread sanitizer leaves no room for a map of 1 TiB"))
    func theDefaultsOpen() async throws {
        let folder = try TemporaryFolder()
        let store = try StoreEnvironment(path: folder.path, tables: [TestTables.names.id])
        try await store.write { try $0.put([1], for: "a", in: TestTables.names) }
        #expect(try store.read { try $0.contains("a", in: TestTables.names) })
        await store.close()
    }

    private static let isThreadSanitized = dlsym(nil, "__tsan_init") != nil

    @Test func pathsThatCannotBeFoldersAreErrors() throws {
        let folder = try TemporaryFolder()
        let file = folder.path + "/file"
        try Data([1]).write(to: URL(filePath: file))
        #expect(code { _ = try StoreEnvironment(path: file, tables: [], options: quietOptions()) } == .notWritable)
        #expect(
            code { _ = try StoreEnvironment(path: file + "/below", tables: [], options: quietOptions()) }
                == .notWritable)
        #expect(code { _ = try StoreEnvironment(path: "/proc/no/store", tables: [], options: quietOptions()) } != nil)
        #expect(code { _ = try StoreEnvironment(path: "", tables: [], options: quietOptions()) } == .invalidArgument)
        #expect(
            code { _ = try StoreEnvironment(path: "/tmp/a\0b", tables: [], options: quietOptions()) }
                == .invalidArgument)
    }

    @Test func optionsAndTableNamesAreChecked() throws {
        let folder = try TemporaryFolder()
        for change: (inout StoreOptions) -> Void in [
            { $0.maxBytes = -1 }, { $0.maxBytes = $0.mapBytes }, { $0.mapBytes = 0 }, { $0.maxReaders = 0 },
            { $0.maxQueuedWrites = 0 }, { $0.maxQueuedDeferred = .max },
            { $0.deferredInterval = .zero }, { $0.structureCheckBytes = -1 },
        ] {
            var options = quietOptions()
            change(&options)
            #expect(code { _ = try openTestStore(folder, options: options) } == .invalidArgument)
        }
        for name in ["meta", "", "a\0b", String(repeating: "x", count: 512)] {
            #expect(code { _ = try openTestStore(folder, tables: [TableID(name)]) } == .invalidArgument)
        }
    }

    @Test func aReadOnlyFolderIsAnError() throws {
        // Root writes anywhere but here.
        #expect(code { _ = try StoreEnvironment(path: "/sys/kernel", tables: [], options: quietOptions()) } != nil)
        guard getuid() != 0 else { return }
        let folder = try TemporaryFolder()
        try FileManager.default.setAttributes([.posixPermissions: 0o500], ofItemAtPath: folder.path)
        #expect(code { _ = try openTestStore(folder) } == .notWritable)
    }

    @Test func aBackupIsAStoreOfItsOwn() async throws {
        let folder = try TemporaryFolder()
        let copyFolder = try TemporaryFolder()
        let store = try openTestStore(folder)
        try await store.write { transaction in
            for number in UInt64(0)..<1000 { try transaction.put([1, 2, 3], for: number, in: TestTables.numbers) }
        }
        try await store.backup(to: copyFolder.path)
        try await store.write { try $0.removeAll(in: TestTables.numbers.id) }
        #expect(await code { try await store.backup(to: copyFolder.path) } == .alreadyExists)
        #expect(await code { try await store.backup(to: folder.path) } == .alreadyExists)
        let copy = try openTestStore(copyFolder)
        #expect(copy.id == store.id)
        #expect(try copy.read { try $0.count(of: TestTables.numbers) } == 1000)
        await copy.close()
        await store.close()
    }

    @Test func statisticsCountWhatIsThere() async throws {
        let folder = try TemporaryFolder()
        let store = try openTestStore(folder)
        try await store.write { transaction in
            for number in UInt64(0)..<1000 {
                try transaction.put([UInt8](repeating: 1, count: 100), for: number, in: TestTables.numbers)
            }
        }
        let statistics = try store.statistics()
        #expect(statistics.tables.map(\.name) == ["meta", "names", "numbers", "blobs"])
        let numbers = try #require(statistics.tables.first { $0.name == "numbers" })
        #expect(numbers.entries == 1000)
        #expect((100_000..<400_000).contains(numbers.bytes))
        #expect(statistics.bytes >= numbers.bytes)
        #expect(statistics.fileBytes >= statistics.bytes)
        #expect(statistics.commits == 1)
        #expect(statistics.writes == 1)
        #expect(statistics.commitNanoseconds > 0)
        #expect(statistics.longestCommitNanoseconds >= statistics.lastCommitNanoseconds)
        #expect(statistics.queuedWrites == 0)
        await store.close()
    }
}
