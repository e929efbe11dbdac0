import HerdJSON

/// Two reports of `--json`, figure by figure.
package struct ReportComparison {
    /// A figure that both have.
    package struct Row: Sendable {
        package let name: String
        package let first: Double
        package let second: Double

        /// The second over the first; nil where the first is 0.
        package var ratio: Double? { first == 0 ? nil : second / first }
    }

    package let rows: [Row]
    /// In what the two runs differ, though figures are best compared of equal runs.
    package let differences: [String]

    /// - Parameters: each a file's name, for what is wrong with it, and its bytes.
    package init(
        _ first: (name: String, bytes: [UInt8]), _ second: (name: String, bytes: [UInt8])
    ) throws(LoadFailure) {
        let (left, right) = (try Figures(first.name, first.bytes), try Figures(second.name, second.bytes))
        rows = left.numbers.compactMap { name, value in
            right.numbers.first { $0.name == name }.map { Row(name: name, first: value, second: $0.value) }
        }
        differences = left.circumstances.compactMap { name, value in
            let other = right.circumstances.first { $0.name == name }?.value ?? "none"
            return value == other ? nil : "\(name): \(value) and \(other)"
        }
    }

    /// For people.
    package var table: String {
        TextTable.text(
            [["figure", "first", "second", "second/first"]]
                + rows.map { row in
                    [
                        row.name, FixedDecimals.short(row.first), FixedDecimals.short(row.second),
                        row.ratio.map { FixedDecimals.text($0, 3) } ?? "-",
                    ]
                })
    }

    package var json: String {
        let figures: [(key: String, value: JSONNode)] = rows.map { row in
            let ratio = row.ratio.map { JSONNode.number($0) } ?? .null
            return (
                row.name, .object([("first", .number(row.first)), ("second", .number(row.second)), ("ratio", ratio)])
            )
        }
        let report = JSONNode.object([
            ("figures", .object(figures)), ("differences", .array(differences.map(JSONNode.string))),
        ])
        return report.text() + "\n"
    }
}

/// What can be compared of one report.
private struct Figures {
    private(set) var numbers: [(name: String, value: Double)] = []
    /// How the run was made.
    private(set) var circumstances: [(name: String, value: String)] = []

    private static let single = ["requests_per_second", "failed", "server_cpu_us_per_request", "own_cpu_processors"]
    private static let groups = ["latency_ms", "first_token_ms", "sent_late_ms"]
    private static let settings = ["workload", "connections", "in_flight", "rate", "arrivals"]

    init(_ name: String, _ bytes: [UInt8]) throws(LoadFailure) {
        let node: JSONNode
        do throws(JSONCursor.Failure) {
            node = try JSONNode(reading: bytes, name: "the report")
        } catch {
            throw LoadFailure("\(name): \(error.reason)", exitCode: 65)
        }
        guard case .object(let members) = node, members.contains(where: { $0.key == "requests_per_second" }) else {
            throw LoadFailure("\(name) is no report of herd-load; make one with --json", exitCode: 65)
        }
        for key in Self.single {
            if let value = Self.number(members.first { $0.key == key }?.value) { numbers.append((key, value)) }
        }
        for key in Self.groups {
            guard case .object(let group)? = members.first(where: { $0.key == key })?.value else { continue }
            for (inner, value) in group {
                if let value = Self.number(value) { numbers.append(("\(key) \(inner)", value)) }
            }
        }
        circumstances = Self.settings.map { key in
            (key, members.first { $0.key == key }?.value.text(onOneLine: true) ?? "none")
        }
    }

    private static func number(_ node: JSONNode?) -> Double? {
        guard case .number(let digits)? = node else { return nil }
        return Double(digits)
    }
}
