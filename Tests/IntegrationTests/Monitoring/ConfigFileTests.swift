import Foundation
import Testing

/// The files in `Config/` for those who operate a herd.
@Suite(.serialized, .timeLimit(.minutes(1))) struct ConfigFileTests {
    private static let config = ProjectPython.root.appending(path: "Config")

    /// Names of metrics in a query. Those that Prometheus makes itself are none of ours.
    private static func names(in query: String) -> Set<String> {
        Set(query.matches(of: /\b(herd|process)_[a-z0-9_]+/).map { String($0.output.0) })
    }

    @Test func `every metric of alerts and dashboard is exported`() async throws {
        let alerts = try String(contentsOf: Self.config.appending(path: "prometheus/alerts.yaml"), encoding: .utf8)
        let dashboard = try JSONSerialization.jsonObject(
            with: Data(contentsOf: Self.config.appending(path: "grafana/herd.json")))
        let panels = try #require((dashboard as? [String: Any])?["panels"] as? [[String: Any]])
        let queries = panels.flatMap { ($0["targets"] as? [[String: Any]] ?? []).compactMap { $0["expr"] as? String } }
        #expect(queries.count > 40)
        let rules = alerts.split(separator: "\n").filter { !$0.contains("remedy:") && !$0.contains("summary:") }
            .filter { !$0.hasPrefix("#") }.joined(separator: "\n")
        let wanted = Self.names(in: rules).union(Self.names(in: queries.joined(separator: "\n")))
        #expect(wanted.count > 40)
        let herd = try await MonitoredHerd()
        defer { herd.end() }
        var exported: Set<String> = [
            // Only where there is TLS.
            "herd_tls_certificate_expiry_timestamp_seconds"
        ]
        for service in ["router", "scorer", "refiner"] { exported.formUnion(try await herd.metrics(of: service).names) }
        #expect(wanted.subtracting(exported) == [])
    }

    @Test func `the rules are rules`() async throws {
        let promtool = try await Programs.run(URL(filePath: "/usr/bin/env"), ["sh", "-c", "command -v promtool"])
        guard promtool.status == 0 else {
            return print("ConfigFileTests: promtool does not check the rules: apt-get install prometheus")
        }
        let path = Self.config.appending(path: "prometheus/alerts.yaml").path
        let result = try await Programs.run(URL(filePath: "/usr/bin/env"), ["promtool", "check", "rules", path])
        #expect(result.status == 0, "\(result.output)\(result.errors)")
    }

    @Test func `the unit is one, and leaves little to be attacked`() async throws {
        let unit = Self.config.appending(path: "systemd/herd.service")
        let text = try String(contentsOf: unit, encoding: .utf8)
        let found = try await Programs.run(URL(filePath: "/usr/bin/env"), ["sh", "-c", "command -v systemd-analyze"])
        guard found.status == 0 else {
            return print("ConfigFileTests: nobody checks the unit: apt-get install systemd")
        }
        let folder = FileManager.default.temporaryDirectory.appending(path: "herd-unit-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        // Where the program is on this machine.
        let here = folder.appending(path: "herd.service")
        try Data(text.replacing("/usr/local/bin/herdd", with: Programs.herdd.path).utf8).write(to: here)
        let verified = try await Programs.run(
            URL(filePath: "/usr/bin/env"), ["systemd-analyze", "verify", "--man=no", here.path])
        #expect(verified.status == 0 && !verified.errors.contains("herd.service:"), "\(verified.errors)")
        let security = try await Programs.run(
            URL(filePath: "/usr/bin/env"),
            ["systemd-analyze", "security", "--offline=true", "--threshold=20", here.path])
        #expect(security.status == 0, "\(security.output.suffix(200))")
    }
}
