import CLMDB
import Glibc

/// Checks a store that nobody has open: its pages, the order of its keys, every value's checksum, and what its owner says
/// of each record.
///
/// Nothing in the folder is changed. A file that is cut short or rots while it is checked can still end the process with
/// a signal, since values are read through a map: check stores in a process that may die.
package struct StoreVerification {
    /// What is wrong with a sound record's contents, in a few words; nil where nothing is.
    package typealias RecordCheck = (_ table: String, _ key: [UInt8], _ value: [UInt8]) -> String?

    private static let mostReported = 1_000

    private let path: String
    private let check: RecordCheck
    private let progress: (_ done: Int, _ total: Int) -> Void
    private var report: StoreReport
    private var done = 0
    private var total = 0

    /// Whether a folder holds a store.
    package static func isStore(_ path: String) -> Bool {
        unsafe access(path + "/data.mdb", F_OK) == 0
    }

    /// - Parameters:
    ///   - path: the folder.
    ///   - check: is asked about each record whose checksum matches.
    ///   - progress: records checked so far, and all of them.
    /// - Throws: `missing` where there is no store, `alreadyOpen` where one is in use, or what the disk says. Damage is no
    ///   error: the report tells of it.
    package static func run(
        _ path: String, check: @escaping RecordCheck, progress: @escaping (_ done: Int, _ total: Int) -> Void
    ) throws(StoreError) -> StoreReport {
        guard isStore(path) else {
            throw StoreError(.missing, "there is no store in \(path); name a folder that holds data.mdb")
        }
        let lock = try VisitorLock(path)
        var verification = StoreVerification(path: path, check: check, progress: progress)
        do throws(StoreError) {
            verification.report.fileBytes = try DataFile.open(path + "/data.mdb")?.byteCount ?? 0
            try StructureCheck.run(path + "/data.mdb", limit: Int.max)
            try verification.readAll()
        } catch {
            guard error.code == .damaged else { throw error }
            verification.report.structureProblem = error.message
        }
        lock.release()
        return verification.report
    }

    private init(path: String, check: @escaping RecordCheck, progress: @escaping (_ done: Int, _ total: Int) -> Void) {
        self.path = path
        self.check = check
        self.progress = progress
        report = StoreReport(path: path)
    }

    private mutating func readAll() throws(StoreError) {
        guard report.fileBytes > 0 else { throw StructureCheck.error(path + "/data.mdb", "it is empty") }
        let environment = try EnvironmentHandle.openForReading(
            path, maxTables: 4_096, mapBytes: (report.fileBytes + 65_535) & ~65_535)
        let handle = unsafe try TransactionHandle(reading: environment.pointer, path: path)
        let nothing = TableDirectory([], path: path)
        let names = try TransactionView(handle, nothing).tableNames()
        var opened: [(TableID, MDB_dbi)] = []
        for name in names {
            var number: MDB_dbi = 0
            let status = unsafe mdb_dbi_open(handle.pointer, name, 0, &number)
            guard status == MDB_SUCCESS else { throw StoreError.status(status, "opening table \(name) of", path) }
            opened.append((TableID(name), number))
        }
        let directory = TableDirectory(opened, path: path)
        // The transaction does not keep it alive.
        defer { withExtendedLifetime((nothing, directory)) {} }
        let view = TransactionView(handle, directory)
        for table in directory.tables { total += try view.statistics(of: table).entries }
        let transaction = WriteTransaction(view, maxBytes: 0)
        report.freeBytes = try view.freePages() * pageBytes(environment)
        for name in names { try read(name, transaction) }
        progress(total, total)
        readMeta(transaction)
    }

    private mutating func read(_ name: String, _ transaction: borrowing WriteTransaction) throws(StoreError) {
        let table = Table<[UInt8]>(name)
        let size = try transaction.statistics(of: table.id)
        var found = TableReport(name: name, entries: 0, bytes: size.bytes)
        var previous: [UInt8] = []
        var problems: [DamagedRecord] = []
        var (damaged, done) = (0, self.done)
        try transaction.scan(table) { record throws(StoreError) in
            let key = try record.key()
            var problem: String?
            if found.entries > 0, !previous.lexicographicallyPrecedes(key) { problem = "its key is out of order" }
            do throws(StoreError) {
                let value = try record.value()
                problem = problem ?? check(name, key, value)
            } catch {
                guard error.code == .dataLoss else { throw error }
                problem = "it does not match its checksum"
            }
            if let problem {
                damaged += 1
                if problems.count < Self.mostReported {
                    problems.append(DamagedRecord(table: name, key: key, problem: problem))
                }
            }
            found.entries += 1
            previous = key
            done += 1
            if done % 1_024 == 0 { progress(done, total) }
            return .next
        }
        self.done = done
        found.damaged = damaged
        report.tables.append(found)
        report.damagedRecords += damaged
        report.damage += problems.prefix(Self.mostReported - report.damage.count)
        guard found.entries == size.entries else {
            throw StructureCheck.error(
                path + "/data.mdb", "table \(name) counts \(size.entries) records and holds \(found.entries)")
        }
    }

    private mutating func readMeta(_ transaction: borrowing WriteTransaction) {
        func own(_ key: String) -> [UInt8]? { (try? Meta.value(key, in: transaction)) ?? nil }
        report.kind = own(Meta.kindKey).map { bytes in String(decoding: bytes, as: UTF8.self) } ?? ""
        report.schemaVersion = own(Meta.schemaKey).flatMap(Schema.version) ?? 0
        report.id = own(Meta.storeKey).flatMap { bytes in StoreID(keyBytes: unsafe bytes.span.bytes) } ?? 0
        if report.schemaVersion == 0, report.structureProblem == nil {
            report.structureProblem =
                "the store \(path) has no readable schema version; restore the folder from a backup"
        }
    }

    private func pageBytes(_ environment: borrowing EnvironmentHandle) -> Int {
        var pages = MDB_stat()
        return unsafe mdb_env_stat(environment.pointer, &pages) == MDB_SUCCESS ? Int(pages.ms_psize) : 0
    }
}

/// The right to a folder for a visitor who leaves nothing behind; without a lock where the disk cannot be written, since
/// then nobody can write to the store either.
@safe struct VisitorLock: ~Copyable {
    private let path: String
    private let isGuest: Bool
    private let lock: FolderLock?

    init(_ path: String) throws(StoreError) {
        self.path = path
        let isFirst = unsafe access(path + "/herd.lock", F_OK) != 0
        lock = try Self.take(path)
        isGuest = isFirst
    }

    private static func take(_ path: String) throws(StoreError) -> FolderLock? {
        do throws(StoreError) {
            return try FolderLock(existing: path)
        } catch {
            guard error.code == .notWritable || error.code == .diskFull else { throw error }
            return nil
        }
    }

    deinit {
        if isGuest { _ = unsafe unlink(path + "/herd.lock") }
    }

    /// Frees the folder.
    consuming func release() {}
}
