import HerdStore
import Logging

/// How a service's store is opened: whose it is, the version of its records, and the steps from older versions.
///
/// The version rises whenever a record changes its meaning, and whenever a program that does not know of something would do
/// harm: one that knows no tokens would let everybody in, one that knows no limits would let them spend. To add a step: raise `schemaVersion`, append a `StoreMigration`
/// from the version before, which must not use code that later steps may change, make a fixture of the version before with
/// `Scripts/store/fixture.sh` if there is none yet, and hold in the tests what the step makes of it.
package enum ServiceStore {
    package static let schemaVersion: UInt32 = 4

    /// - Parameters:
    ///   - service: "router", "scorer" or "refiner".
    ///   - tables: every table of the service.
    static func open(
        _ service: String, path: String, tables: [TableID], maxBytes: Int, logger: Logger
    ) throws(StoreError) -> StoreEnvironment {
        var options = StoreOptions()
        options.kind = service
        options.schemaVersion = schemaVersion
        options.migrations = [ownership(of: service, tables: tables), tokens, money]
        options.maxBytes = maxBytes
        options.logger = logger
        return try StoreEnvironment(path: path, tables: tables, options: options)
    }

    /// 1 to 2: the store knows whose it is. One of version 1 tells by its tables.
    private static func ownership(of service: String, tables: [TableID]) -> StoreMigration {
        StoreMigration(from: 1) { transaction in
            let own = Set(tables.map(\.name) + ["meta"])
            if let other = try transaction.tableNames.first(where: { !own.contains($0) }) {
                throw StoreError(
                    .foreign,
                    "holds a table '\(other)' and is not the \(service)'s; give each service a folder of its own")
            }
            try transaction.setKind(service)
        }
    }

    /// 3 to 4: the router's has accounts and reservations, which opening makes, and tokens may be limited. Nothing that was
    /// there changes.
    private static var money: StoreMigration { StoreMigration(from: 3) { _ in } }

    /// 2 to 3: the router's has tokens and an audit log, which opening makes. Nothing that was there changes.
    private static var tokens: StoreMigration { StoreMigration(from: 2) { _ in } }
}
