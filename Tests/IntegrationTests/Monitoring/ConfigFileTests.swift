import Foundation
import Testing
import Yams

/// The files in `Config/` for those who operate a herd.
@Suite(.serialized, .timeLimit(.minutes(1))) struct ConfigFileTests {
    private static let config = ProjectPython.root.appending(path: "Config")

    /// Whether a program of that name is to be found.
    private static func isInstalled(_ program: String) -> Bool {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains { folder in
            FileManager.default.isExecutableFile(atPath: "\(folder)/\(program)")
        }
    }

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
        let identifiers = panels.compactMap { $0["id"] as? Int }
        #expect(identifiers.count == panels.count && Set(identifiers).count == panels.count)
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

    @Test func `every rule says what it is about and what to do`() throws {
        let text = try String(contentsOf: Self.config.appending(path: "prometheus/alerts.yaml"), encoding: .utf8)
        let file = try Yams.load(yaml: text)
        let groups = try #require((file as? [String: Any])?["groups"] as? [[String: Any]])
        let rules = groups.flatMap { $0["rules"] as? [[String: Any]] ?? [] }
        #expect(rules.count > 25)
        var names: Set<String> = []
        for rule in rules {
            let name = try #require(rule["alert"] as? String)
            #expect(name.hasPrefix("Herd") && names.insert(name).inserted, "\(name)")
            #expect(Set(rule.keys).isSubset(of: ["alert", "expr", "for", "labels", "annotations"]), "\(name)")
            let query = try #require(rule["expr"] as? String)
            #expect(!query.isEmpty && query.count { $0 == "(" } == query.count { $0 == ")" }, "\(name)")
            if let time = rule["for"] {
                #expect((time as? String)?.wholeMatch(of: /[1-9][0-9]*[smhd]/) != nil, "\(name)")
            }
            let labels = try #require(rule["labels"] as? [String: String])
            #expect(labels == ["severity": "page"] || labels == ["severity": "ticket"], "\(name)")
            let annotations = try #require(rule["annotations"] as? [String: String])
            #expect(annotations.keys.sorted() == ["remedy", "summary"], "\(name)")
            #expect(annotations.values.allSatisfy { !$0.isEmpty }, "\(name)")
        }
    }

    @Test(.enabled(if: Self.isInstalled("promtool"), "No promtool checks the queries; run apt-get install prometheus."))
    func `the rules are rules`() async throws {
        let path = Self.config.appending(path: "prometheus/alerts.yaml").path
        let result = try await Programs.run(URL(filePath: "/usr/bin/env"), ["promtool", "check", "rules", path])
        #expect(result.status == 0, "\(result.output)\(result.errors)")
    }

    @Test(.enabled(if: Self.isInstalled("systemd-analyze"), "Nobody checks the unit; run apt-get install systemd."))
    func `the unit is one, and leaves little to be attacked`() async throws {
        let unit = Self.config.appending(path: "systemd/herd.service")
        let text = try String(contentsOf: unit, encoding: .utf8)
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
