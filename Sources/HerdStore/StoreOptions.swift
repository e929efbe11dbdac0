package import Logging

/// How an environment is opened.
package struct StoreOptions: Sendable {
    /// Whose store it is, for example "router"; kept in it from its creation on, so that a folder given to the wrong
    /// service is refused. Default "", which asks and keeps nothing.
    package var kind = ""
    /// The version of the records' layout this program writes; a store with a newer one is refused. Default 1.
    package var schemaVersion: UInt32 = 1
    /// The steps that bring older stores up to `schemaVersion`, at most one per starting version. Default none.
    package var migrations: [StoreMigration] = []
    /// The quota in bytes of live pages over all tables: puts beyond it get `resourceExhausted`, removals never do.
    /// The file can be larger by the pages that wait for reuse. Default 64 GiB, at most half of
    /// `mapBytes`.
    package var maxBytes: Int = 64 << 30
    /// The address space of the map, at least twice `maxBytes`. It is large from the start, since growing a map under
    /// readers kills them with SIGBUS, and costs nothing; lower it only where address space is limited, as by `ulimit -v`
    /// or the thread sanitizer. Default 1 TiB.
    package var mapBytes: Int = 1 << 40
    /// How many reads may be under way at once. Default 1,024.
    package var maxReaders: Int = 1024
    /// How many awaited writes may wait for the writer thread before more are refused. Default 4,096.
    package var maxQueuedWrites: Int = 4096
    /// How many enqueued writes may wait for the writer thread before more are dropped. Default 16,384.
    package var maxQueuedDeferred: Int = 16384
    /// The longest a deferred write stays uncommitted. Default 100 ms.
    package var deferredInterval: Duration = .milliseconds(100)
    /// The largest file whose page structure is checked at opening, which reads its pages once; of a larger one only the
    /// header is. Default 512 MiB, 0.4 s where it is cached.
    package var structureCheckBytes: Int = 512 << 20
    /// Where opening, failed commits and dropped writes are reported. Default a logger labelled `herd.store`.
    package var logger = Logger(label: "herd.store")

    package init() {}

    /// - Throws: `invalidArgument` naming the option that is out of range.
    func validate() throws(StoreError) {
        try Self.check("mapBytes", mapBytes, 1 << 24...1 << 46)
        try Self.check("maxBytes", maxBytes, 1 << 16...mapBytes / 2)
        try Self.check("maxReaders", maxReaders, 1...65_536)
        try Self.check("maxQueuedWrites", maxQueuedWrites, 1...1 << 20)
        try Self.check("maxQueuedDeferred", maxQueuedDeferred, 1...1 << 20)
        try Self.check("structureCheckBytes", structureCheckBytes, 0...1 << 40)
        guard (Duration.milliseconds(1)...Duration.seconds(60)).contains(deferredInterval) else {
            throw StoreError(.invalidArgument, "deferredInterval is \(deferredInterval); 1 ms to 60 s are allowed")
        }
    }

    private static func check(_ name: String, _ value: Int, _ allowed: ClosedRange<Int>) throws(StoreError) {
        guard allowed.contains(value) else {
            throw StoreError(
                .invalidArgument, "\(name) is \(value); \(allowed.lowerBound) to \(allowed.upperBound) are allowed")
        }
    }
}

/// One step of a schema migration; all steps that are needed run in one transaction, which commits whole or not at all.
package struct StoreMigration: Sendable {
    /// The version this step starts from; it leads to the next one.
    package let from: UInt32
    /// Tables that only the migration touches, such as those of the older schema.
    package let tables: [TableID]
    /// Tables to delete when the step is done.
    package let dropped: [TableID]
    package let run: @Sendable (inout WriteTransaction) throws -> Void

    /// - Parameters:
    ///   - from: the version this step starts from; it leads to `from + 1`.
    ///   - tables: tables that only the migration touches; the environment's own need not be repeated.
    ///   - dropped: tables of the older schema that are deleted after `run`.
    ///   - run: rewrites the records; an error it throws leaves the store as it was.
    package init(
        from: UInt32, tables: [TableID] = [], dropping dropped: [TableID] = [],
        run: @escaping @Sendable (inout WriteTransaction) throws -> Void
    ) {
        self.from = from
        self.tables = tables
        self.dropped = dropped
        self.run = run
    }
}
