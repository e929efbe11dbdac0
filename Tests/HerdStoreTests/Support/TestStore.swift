import HerdStore
import Logging

/// Tables that the tests share.
enum TestTables {
    static let names = Table<String>("names")
    static let numbers = Table<UInt64>("numbers")
    static let blobs = Table<[UInt8]>("blobs")
    static let ids = [names.id, numbers.id, blobs.id]
}

/// Options that keep expected failures out of the test's output and fit into the thread sanitizer's address space.
func quietOptions() -> StoreOptions {
    var options = StoreOptions()
    options.mapBytes = 4 << 30
    options.maxBytes = 1 << 30
    options.logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    return options
}

func openTestStore(
    _ folder: TemporaryFolder, tables: [TableID] = TestTables.ids, options: StoreOptions = quietOptions()
) throws(StoreError) -> StoreEnvironment {
    try StoreEnvironment(path: folder.path, tables: tables, options: options)
}

/// Runs `body`, which should throw a `StoreError`, and gives its code.
func code(_ body: () throws -> Void) -> StoreError.Code? {
    do {
        try body()
        return nil
    } catch {
        return (error as? StoreError)?.code
    }
}

/// The same for an asynchronous `body`.
func code(_ body: () async throws -> Void) async -> StoreError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? StoreError)?.code
    }
}
