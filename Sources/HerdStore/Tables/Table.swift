/// The name of a table with a number that is unique among the process's table names, so that a transaction finds a
/// table's handle by index.
package struct TableID: Sendable, Hashable {
    package let name: String
    let number: Int

    package init(_ name: String) {
        self.name = name
        self.number = tableNumbers.withLock { numbers in
            if let known = numbers[name] { return known }
            let next = numbers.count
            numbers[name] = next
            return next
        }
    }
}

private let tableNumbers = Monitor<[String: Int]>([:])

/// A typed description of a table: its name and the type of its keys. Make it once, as a static constant, and declare
/// its `id` when opening the environment.
package struct Table<Key: TableKey>: Sendable {
    package let id: TableID

    /// - Parameter name: any name but `meta`, which the store keeps for itself, of 1 to 511 bytes without a NUL.
    package init(_ name: String) {
        self.id = TableID(name)
    }

    package var name: String { id.name }
}
