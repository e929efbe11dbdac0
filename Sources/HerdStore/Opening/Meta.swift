/// The store's own table: its schema version, its random id, whose it is, and what the collections on top remember.
///
/// What the store cannot be used without is kept twice, so that one damaged record does not cost the others.
enum Meta {
    static let table = Table<String>("meta")
    static let schemaKey = "schema"
    static let storeKey = "store"
    static let kindKey = "kind"
    /// When the last backup was complete: milliseconds since 1970, eight bytes.
    static let backupKey = "backup"

    /// A record of which there are two; the second answers where the first is damaged.
    static func value<Transaction: ReadableTransaction & ~Copyable>(
        _ key: String, in transaction: borrowing Transaction
    ) throws(StoreError) -> [UInt8]? {
        do throws(StoreError) {
            return try transaction.value(for: key, in: table)
        } catch {
            guard error.code == .dataLoss, let copy = try transaction.value(for: copyKey(key), in: table) else {
                throw error
            }
            return copy
        }
    }

    static func put(_ value: [UInt8], _ key: String, in transaction: inout WriteTransaction) throws(StoreError) {
        try transaction.put(value, for: key, in: table)
        try transaction.put(value, for: copyKey(key), in: table)
    }

    /// Writes the records of which one is damaged again, from the other.
    static func heal(_ transaction: inout WriteTransaction) throws(StoreError) {
        for key in [schemaKey, storeKey, kindKey] {
            guard let value = try value(key, in: transaction) else { continue }
            try put(value, key, in: &transaction)
        }
    }

    /// Whether both records are there and sound.
    static func isWhole<Transaction: ReadableTransaction & ~Copyable>(
        _ transaction: borrowing Transaction
    ) -> Bool {
        [schemaKey, storeKey, kindKey].allSatisfy { key in
            let pair = [key, copyKey(key)].map { key in
                Result { () throws(StoreError) in try transaction.value(for: key, in: table) }
            }
            guard case .success(let one) = pair[0], case .success(let other) = pair[1] else { return false }
            return one == other
        }
    }

    private static func copyKey(_ key: String) -> String { "\(key).copy" }
}
