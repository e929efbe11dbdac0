import HerdJSON
import HerdStore

extension StoreMaintenance {
    /// One store's report for people: a line, and one more for each damaged record.
    static func text(of report: StoreReport) -> String {
        if let problem = report.structureProblem { return "\(report.path): DAMAGED: \(problem)\n" }
        let kind = report.kind.isEmpty ? "store" : report.kind
        var text =
            "\(report.path): \(report.isSound ? "sound" : "DAMAGED"), \(kind) of schema \(report.schemaVersion), "
            + "\(report.entries) records in \(report.tables.count) tables, \(report.fileBytes) bytes\n"
        for record in report.damage {
            text += "  table \(record.table), key \(self.text(of: record.key)): \(record.problem)\n"
        }
        if report.damagedRecords > report.damage.count {
            text += "  and \(report.damagedRecords - report.damage.count) more\n"
        }
        return text
    }

    static func node(of report: StoreReport) -> JSONNode {
        .object([
            ("path", .string(report.path)), ("sound", .bool(report.isSound)), ("kind", .string(report.kind)),
            ("schema", .number(report.schemaVersion)), ("id", .string(String(report.id, radix: 16))),
            ("file_bytes", .number(report.fileBytes)), ("free_bytes", .number(report.freeBytes)),
            ("entries", .number(report.entries)), ("damaged_records", .number(report.damagedRecords)),
            ("structure_problem", report.structureProblem.map { .string($0) } ?? .null),
            (
                "tables",
                .array(
                    report.tables.map { table in
                        .object([
                            ("name", .string(table.name)), ("entries", .number(table.entries)),
                            ("bytes", .number(table.bytes)), ("damaged", .number(table.damaged)),
                        ])
                    })
            ),
            (
                "damage",
                .array(
                    report.damage.map { record in
                        .object([
                            ("table", .string(record.table)), ("key", .string(text(of: record.key))),
                            ("problem", .string(record.problem)),
                        ])
                    })
            ),
        ])
    }

    /// A key as text in quotes where it is printable, else in hexadecimal.
    private static func text(of key: [UInt8]) -> String {
        if key.allSatisfy({ (32..<127).contains($0) }) { return "'\(String(decoding: key, as: UTF8.self))'" }
        return key.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }
}
