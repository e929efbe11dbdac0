import CLMDB
import Glibc

/// Brings an opened environment to the schema asked for, in one transaction.
struct Schema {
    /// What opening found out.
    struct Opened {
        let directory: TableDirectory
        let id: StoreID
        /// Whether one of the store's own records is damaged; its copy was used.
        let needsHealing: Bool
    }

    let path: String
    let tables: [TableID]
    let options: StoreOptions

    /// Opens or creates the tables, checks whose the store is, checks or migrates the schema, and commits. A store that
    /// is as it should be is not written to, so that it opens on a full disk.
    func apply(to environment: borrowing EnvironmentHandle) throws(StoreError) -> Opened {
        let handle = unsafe try TransactionHandle(environment.pointer, path: path)
        let declared = try openAll([Meta.table.id] + tables, handle)
        let directory = TableDirectory(declared, path: path)
        let found = try storedVersion(TransactionView(handle, directory))
        let migrations = try found.map { found throws(StoreError) in try steps(from: found) } ?? []
        let migrated = try openAll(
            declared.map(\.0) + migrations.flatMap { step in step.tables + step.dropped }, handle)
        let everything = TableDirectory(migrated, path: path)
        // The transactions below do not keep them alive.
        defer { withExtendedLifetime((directory, everything)) {} }
        var transaction = WriteTransaction(TransactionView(handle, everything), maxBytes: Int.max / 2)
        for migration in migrations { try run(migration, &transaction) }
        try checkKind(&transaction, isNew: found == nil)
        let id = try storeID(&transaction)
        let version = Self.bytes(options.schemaVersion)
        if try Meta.value(Meta.schemaKey, in: transaction) != version {
            try Meta.put(version, Meta.schemaKey, in: &transaction)
        }
        let isWhole = Meta.isWhole(transaction)
        let status = handle.commit()
        guard status == MDB_SUCCESS else { throw StoreError.status(status, "opening", path) }
        return Opened(directory: directory, id: id, needsHealing: !isWhole)
    }

    /// The version in four bytes, most significant first; nil for anything else.
    static func version(_ bytes: [UInt8]) -> UInt32? {
        bytes.count == 4 ? bytes.reduce(0) { version, byte in version << 8 | UInt32(byte) } : nil
    }

    private static func bytes(_ version: UInt32) -> [UInt8] {
        [UInt8(version >> 24), UInt8(version >> 16 & 255), UInt8(version >> 8 & 255), UInt8(version & 255)]
    }

    private func openAll(
        _ tables: [TableID], _ handle: borrowing TransactionHandle
    ) throws(StoreError) -> [(TableID, MDB_dbi)] {
        var opened: [(TableID, MDB_dbi)] = []
        for table in tables where !opened.contains(where: { known in known.0 == table }) {
            guard TransactionView.keyLengths.contains(table.name.utf8.count), !table.name.utf8.contains(0) else {
                throw StoreError(
                    .invalidArgument, "a table name is empty, over 511 bytes or has a NUL", table: table.name)
            }
            var number: MDB_dbi = 0
            let status = unsafe mdb_dbi_open(handle.pointer, table.name, UInt32(MDB_CREATE), &number)
            guard status == MDB_SUCCESS else {
                throw StoreError.status(status, "opening table \(table.name) of", path, table: table.name)
            }
            opened.append((table, number))
        }
        return opened
    }

    // MARK: - The version

    /// Nil for a store that was created only now.
    private func storedVersion(_ view: TransactionView) throws(StoreError) -> UInt32? {
        let transaction = WriteTransaction(view, maxBytes: 0)
        guard let stored = try own(Meta.schemaKey, "schema version", transaction) else { return nil }
        guard let found = Self.version(stored) else { throw damaged("schema version") }
        guard found <= options.schemaVersion else {
            throw StoreError(
                .schemaTooNew,
                "the store \(path) has schema \(found), this program knows up to \(options.schemaVersion); "
                    + "run the newer program or restore an older backup")
        }
        return found
    }

    /// The steps from the version found to the one asked for.
    private func steps(from found: UInt32) throws(StoreError) -> [StoreMigration] {
        var steps: [StoreMigration] = []
        for version in found..<options.schemaVersion {
            guard let step = options.migrations.first(where: { step in step.from == version }) else {
                throw StoreError(
                    .migrationFailed,
                    "the store \(path) has schema \(found), there is no migration from \(version) to \(version + 1); "
                        + "open it with a version of the program in between first")
            }
            steps.append(step)
        }
        return steps
    }

    private func run(_ migration: StoreMigration, _ transaction: inout WriteTransaction) throws(StoreError) {
        do {
            try migration.run(&transaction)
        } catch {
            if let error = error as? StoreError, error.code == .foreign {
                throw StoreError(.foreign, "the store \(path) \(error.message)")
            }
            throw StoreError(
                .migrationFailed, "migrating \(path) from schema \(migration.from) to \(migration.from + 1): \(error)")
        }
        for table in migration.dropped { try transaction.drop(table) }
    }

    // MARK: - Whose store it is

    private func checkKind(_ transaction: inout WriteTransaction, isNew: Bool) throws(StoreError) {
        guard !options.kind.isEmpty else { return }
        if isNew { return try transaction.setKind(options.kind) }
        guard let stored = try own(Meta.kindKey, "owner", transaction) else { return }
        let kind = String(decoding: stored, as: UTF8.self)
        guard kind == options.kind else {
            throw StoreError(
                .foreign,
                "the store \(path) belongs to the \(kind), not to the \(options.kind); give each a folder of its own")
        }
    }

    private func storeID(_ transaction: inout WriteTransaction) throws(StoreError) -> StoreID {
        if let stored = try own(Meta.storeKey, "store id", transaction) {
            guard let id = StoreID(keyBytes: unsafe stored.span.bytes) else { throw damaged("store id") }
            return id
        }
        var random = SystemRandomNumberGenerator()
        let id = StoreID.random(in: .min ... .max, using: &random)
        let bytes = try id.withKeyBytes { bytes throws(StoreError) in [UInt8](keyBytes: bytes) }
        try Meta.put(bytes, Meta.storeKey, in: &transaction)
        return id
    }

    /// A record of the store's own table, or its copy; without either the store can't be used.
    private func own(
        _ key: String, _ what: String, _ transaction: borrowing WriteTransaction
    ) throws(StoreError) -> [UInt8]? {
        do throws(StoreError) {
            return try Meta.value(key, in: transaction)
        } catch {
            guard error.code == .dataLoss else { throw error }
            throw damaged(what)
        }
    }

    private func damaged(_ what: String) -> StoreError {
        StoreError(.damaged, "the \(what) of the store \(path) is damaged; restore the folder from a backup")
    }
}

extension WriteTransaction {
    /// Keeps whose store it is; for the migration of stores that do not know it yet.
    package mutating func setKind(_ kind: String) throws(StoreError) {
        try Meta.put(Array(kind.utf8), Meta.kindKey, in: &self)
    }
}

/// A random number given to a store when it is created, kept by its backups.
package typealias StoreID = UInt128
