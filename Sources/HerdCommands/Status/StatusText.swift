package import HerdMessages
import HerdReflection

/// A server's status for people: every figure, in groups.
package enum StatusText {
    package static func text(of status: StatusResponse) -> String {
        var service: [(String, String)] = [
            ("service", "\(status.service) \(status.version)"), ("state", state(of: status)),
            ("up", duration(milliseconds: status.uptimeMs)),
        ]
        let facts = status.facts.filter { !$0.key.hasPrefix(endpointPrefix) }
        service += facts.map { (words($0.key), $0.value.isEmpty ? "-" : $0.value) }.sorted { $0.0 < $1.0 }
        var groups: [Group: [(String, String)]] = [
            .connections: [("open", "\(status.connections)"), ("open calls", "\(status.openCalls)")]
        ]
        for (name, value) in status.figures.sorted(by: { $0.key < $1.key }) {
            let group = Group(figure: name)
            groups[group, default: []].append((words(group.shortened(name)), amount(value, named: name)))
        }
        var text = section("", service)
        let endpoints = status.facts.filter { $0.key.hasPrefix(endpointPrefix) }
            .map { (String($0.key.dropFirst(endpointPrefix.count)), $0.value) }.sorted { $0.0 < $1.0 }
        if !endpoints.isEmpty { text += "\n" + section("ENDPOINTS", endpoints) }
        for group in Group.allCases {
            if let rows = groups[group] { text += "\n" + section(group.rawValue, rows) }
        }
        return text + calls(status.methods)
    }

    /// Facts about endpoints are told apart by the beginning of their names.
    private static let endpointPrefix = "endpoint "

    // MARK: - Groups

    /// Figures are told apart by the beginnings of their names.
    private enum Group: String, CaseIterable {
        case work = "WORK"
        case models = "MODELS"
        case connections = "CONNECTIONS"
        case tables = "STORE, ENTRIES"
        case store = "STORE"

        init(figure name: String) {
            if name.hasPrefix("store_entries_") {
                self = .tables
            } else if name.hasPrefix("backend_") {
                self = .models
            } else if name.hasPrefix("store_") {
                self = .store
            } else if Self.connectionPrefixes.contains(where: { name.hasPrefix($0) }) {
                self = .connections
            } else {
                self = .work
            }
        }

        private static let connectionPrefixes = [
            "connections_", "accept_", "keepalive_", "idle_", "unauthenticated", "permission_denied", "tls_", "bytes_",
            "texts_", "protocol_",
        ]

        func shortened(_ name: String) -> String {
            let prefix =
                switch self {
                case .tables: "store_entries_"
                case .store: "store_"
                case .connections: "connections_"
                case .models: "backend_"
                case .work: ""
                }
            return name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
        }
    }

    private static func section(_ title: String, _ rows: [(String, String)]) -> String {
        let width = rows.map(\.0.count).max() ?? 0
        let indent = title.isEmpty ? "" : "  "
        let lines = rows.map { name, value in
            let padding = String(repeating: " ", count: width - name.count + 2)
            return "\(indent)\(PrintableText.escaped(name))\(padding)\(PrintableText.escaped(value))\n"
        }
        return (title.isEmpty ? "" : title + "\n") + lines.joined()
    }

    private static func calls(_ methods: [MethodStatistics]) -> String {
        let called = methods.filter { $0.calls > 0 }
        guard !called.isEmpty else { return "" }
        var table = TextTable([
            ("CALLS", .left), ("ENDED", .right), ("FAILED", .right), ("MEAN MS", .right), ("P50 MS", .right),
            ("P99 MS", .right), ("MAX MS", .right), ("ERRORS", .left),
        ])
        for method in called {
            table.add([
                "  " + method.method, "\(method.calls)", "\(method.failures)",
                NumberFormat.decimals(method.meanMs, 3), NumberFormat.decimals(method.p50Ms, 3),
                NumberFormat.decimals(method.p99Ms, 3), NumberFormat.decimals(method.maxMs, 3), errors(of: method),
            ])
        }
        return "\n" + table.text
    }

    /// "NOT_FOUND 3, UNAVAILABLE 1", the most frequent first.
    private static func errors(of method: MethodStatistics) -> String {
        method.errors.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { "\(PrintableText.escaped($0.key)) \($0.value)" }.joined(separator: ", ")
    }

    // MARK: - Values

    private static func state(of status: StatusResponse) -> String {
        let health = status.health ?? HealthResponse()
        let reasons = health.reasons.isEmpty ? "" : ": \(health.reasons.joined(separator: "; "))"
        return "\(health.state)" + reasons
    }

    /// "store_failed_commits" as people write it.
    private static func words(_ name: String) -> String { name.split(separator: "_").joined(separator: " ") }

    private static func amount(_ value: Double, named name: String) -> String {
        if name.contains("bytes") { return bytes(value) }
        if name.hasSuffix("_ms") { return NumberFormat.decimals(value, 3) }
        return value == value.rounded() ? NumberFormat.decimals(value, 0) : "\(Float(value))"
    }

    private static func bytes(_ value: Double) -> String {
        var (amount, unit) = (value, 0)
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        while amount >= 1_024, unit < units.count - 1 {
            amount /= 1_024
            unit += 1
        }
        return "\(NumberFormat.decimals(amount, unit == 0 ? 0 : 1)) \(units[unit])"
    }

    private static func duration(milliseconds: UInt64) -> String {
        let seconds = milliseconds / 1_000
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60)
        if days > 0 { return "\(days) d \(hours) h" }
        if hours > 0 { return "\(hours) h \(minutes) min" }
        return minutes > 0 ? "\(minutes) min \(seconds % 60) s" : "\(seconds) s"
    }
}
