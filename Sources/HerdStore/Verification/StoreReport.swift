/// One table of a store that was checked.
package struct TableReport: Sendable {
    package let name: String
    package var entries = 0
    /// The bytes of its live pages.
    package var bytes = 0
    package var damaged = 0
}

/// A record that cannot be read.
package struct DamagedRecord: Sendable {
    package let table: String
    /// The encoded key.
    package let key: [UInt8]
    /// What is wrong with it, in a few words.
    package let problem: String
}

/// What a check of a whole store found.
package struct StoreReport: Sendable {
    package let path: String
    /// Whose store it is; empty where it does not say.
    package var kind = ""
    /// 0 where it cannot be read.
    package var schemaVersion: UInt32 = 0
    package var id: StoreID = 0
    package var fileBytes = 0
    package var freeBytes = 0
    package var tables: [TableReport] = []
    /// The first 1,000 damaged records.
    package var damage: [DamagedRecord] = []
    package var damagedRecords = 0
    /// What is wrong with the file as a whole; then nothing in it was read.
    package var structureProblem: String?

    package init(path: String) {
        self.path = path
    }

    package var isSound: Bool { structureProblem == nil && damagedRecords == 0 }

    /// Records over all tables.
    package var entries: Int { tables.reduce(0) { sum, table in sum + table.entries } }
}
