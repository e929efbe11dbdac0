import CLMDB
import Glibc

/// The store's own table: its schema version, its random id, and what the collections on top remember.
enum Meta {
    static let table = Table<String>("meta")
    static let schemaKey = "schema"
    static let storeKey = "store"
}

/// Brings an opened environment to the schema asked for, in one transaction.
struct Schema {
    let path: String
    let tables: [TableID]
    let options: StoreOptions

    /// Opens or creates the tables, checks or migrates the schema, and commits.
    func apply(to environment: borrowing EnvironmentHandle) throws(StoreError) -> (TableDirectory, StoreID) {
        let handle = unsafe try TransactionHandle(environment.pointer, path: path)
        let declared = try openAll([Meta.table.id] + tables, handle)
        let directory = TableDirectory(declared, path: path)
        let migrations = try neededMigrations(TransactionView(handle, directory))
        let migrated = try openAll(
            declared.map(\.0) + migrations.flatMap { step in step.tables + step.dropped }, handle)
        let everything = TableDirectory(migrated, path: path)
        // The transactions below do not keep them alive.
        defer { withExtendedLifetime((directory, everything)) {} }
        var transaction = WriteTransaction(TransactionView(handle, everything), maxBytes: Int.max / 2)
        for migration in migrations {
            do {
                try migration.run(&transaction)
            } catch {
                throw StoreError(
                    .migrationFailed,
                    "migrating \(path) from schema \(migration.from) to \(migration.from + 1): \(error)")
            }
            for table in migration.dropped { try transaction.drop(table) }
        }
        let id = try storeID(&transaction)
        let version = bytes(options.schemaVersion)
        if try transaction.value(for: Meta.schemaKey, in: Meta.table) != version {
            try transaction.put(version, for: Meta.schemaKey, in: Meta.table)
        }
        let status = handle.commit()
        guard status == MDB_SUCCESS else { throw StoreError.status(status, "opening", path) }
        return (directory, id)
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

    /// The steps from the version found to the one asked for; none for a store without a version yet.
    private func neededMigrations(_ view: TransactionView) throws(StoreError) -> [StoreMigration] {
        let transaction = WriteTransaction(view, maxBytes: 0)
        guard let stored = try transaction.value(for: Meta.schemaKey, in: Meta.table) else { return [] }
        guard stored.count == 4 else { throw damaged("schema version") }
        let found = stored.reduce(UInt32(0)) { version, byte in version << 8 | UInt32(byte) }
        guard found <= options.schemaVersion else {
            throw StoreError(
                .schemaTooNew,
                "the store \(path) has schema \(found), this program knows up to \(options.schemaVersion); "
                    + "run the newer program or restore an older backup")
        }
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

    private func storeID(_ transaction: inout WriteTransaction) throws(StoreError) -> StoreID {
        if let stored = try transaction.value(for: Meta.storeKey, in: Meta.table) {
            guard let id = StoreID(keyBytes: unsafe stored.span.bytes) else { throw damaged("store id") }
            return id
        }
        var random = SystemRandomNumberGenerator()
        let id = StoreID.random(in: .min ... .max, using: &random)
        let bytes = try id.withKeyBytes { bytes throws(StoreError) in [UInt8](keyBytes: bytes) }
        try transaction.put(bytes, for: Meta.storeKey, in: Meta.table)
        return id
    }

    private func bytes(_ version: UInt32) -> [UInt8] {
        [UInt8(version >> 24), UInt8(version >> 16 & 255), UInt8(version >> 8 & 255), UInt8(version & 255)]
    }

    private func damaged(_ what: String) -> StoreError {
        StoreError(.damaged, "the \(what) of the store \(path) is damaged; restore the folder from a backup")
    }
}

/// A random number given to a store when it is created, kept by its backups.
package typealias StoreID = UInt128
