import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// SIGHUP, and what a supervisor is told, with real processes.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ReloadTests {
    /// A herd with a configuration file and a log that can be read.
    private final class Herd {
        let folder = FileManager.default.temporaryDirectory.appending(path: "herd-reload-\(UUID().uuidString)")
        let file: URL
        let log: URL
        let process = Process()
        var address = ""
        /// Service to where it listens.
        var addresses: [String: String] = [:]

        init(_ text: String, role: String = "all", environment: [String: String] = [:]) async throws {
            file = folder.appending(path: "herdd.yaml")
            log = folder.appending(path: "log")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
            try Data().write(to: log)
            let ready = folder.appending(path: "ready.json")
            process.executableURL = Programs.herdd
            let data = folder.appending(path: "data").path
            process.arguments =
                [role, "--data", data, "--config", file.path, "--ready-file", ready.path]
                + (role == "all" ? MonitoredHerd.ports : ["--listen", "127.0.0.1:0", "--http-listen", "none"])
            process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
            process.standardError = try FileHandle(forWritingTo: log)
            try Blocking.start(process)
            try await eventually("it is ready") { FileManager.default.fileExists(atPath: ready.path) }
            let listening = try JSONDecoder().decode([String: [String]].self, from: Data(contentsOf: ready))
            address = try #require(listening["router"]?.first)
            addresses = listening.compactMapValues(\.first)
        }

        func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
            let deadline = ContinuousClock.now + .seconds(20)
            while !(try await condition()) {
                guard ContinuousClock.now < deadline, process.isRunning else {
                    throw DaemonFailure(description: "it never came about that \(what): \(try lines())")
                }
                try await Task.sleep(for: .milliseconds(5))
            }
        }

        /// The log's lines after the first `count`.
        func lines(after count: Int = 0) throws -> [[String: String]] {
            try String(contentsOf: log, encoding: .utf8).split(separator: "\n").dropFirst(count).compactMap {
                try? JSONDecoder().decode([String: String].self, from: Data($0.utf8))
            }
        }

        /// Replaces the file, sends SIGHUP and gives what the log says of it.
        func reload(_ text: String) async throws -> [[String: String]] {
            let before = try lines().count
            try Data(text.utf8).write(to: file)
            kill(process.processIdentifier, SIGHUP)
            try await eventually("the configuration was read again") {
                try lines(after: before).contains { line in
                    line["message"]?.hasPrefix("the configuration was read again") == true
                        || line["message"]?.hasPrefix("the configuration stays") == true
                }
            }
            return try lines(after: before)
        }

        func client() throws -> HerdClient { try HerdClient(addresses: [address]) }

        func end() {
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
            process.waitUntilExit()
            try? FileManager.default.removeItem(at: folder)
        }
    }

    private static func keys(_ lines: [[String: String]], _ end: String) -> Set<String> {
        Set(lines.filter { $0["message"]?.hasSuffix(end) == true }.compactMap { $0["key"] })
    }

    @Test func `what can change changes, what cannot is named, what is wrong changes nothing`() async throws {
        let herd = try await Herd("log:\n  level: info\n")
        defer { herd.end() }
        let client = try herd.client()
        defer { client.close() }
        _ = try await client.call(Admin.health, HealthRequest())
        let changed = try await herd.reload(
            """
            log:
              level: debug
            server:
              default_timeout: 7
              max_connections: 77
              event_loops: 2
            router:
              cache_max_bytes: 9000000
              decision_log_max_entries: 500
              data: elsewhere
              backends:
                first_token_timeout: 1.5
                breaker_failures: 2
            refiner:
              transcript_days: 3
            """)
        #expect(
            Self.keys(changed, "was applied") == [
                "log.level", "server.default_timeout", "server.max_connections", "router.cache_max_bytes",
                "router.decision_log_max_entries", "router.backends.first_token_timeout",
                "router.backends.breaker_failures", "refiner.transcript_days",
            ])
        // The flag --data wins over the file, so that the file's key changes nothing.
        #expect(Self.keys(changed, "needs a restart") == ["server.event_loops"])
        // The limit holds, on the connection that was there, and calls are logged now.
        let status = try await client.call(Admin.status, StatusRequest())
        #expect(status.figures["connections_limit"] == 77)
        _ = try await client.call(Registry.putModel, PutModelRequest(model: Model(name: "m")))
        try await herd.eventually("calls are logged") {
            try herd.lines().contains { $0["message"] == "call ended" && $0["method"] == Registry.putModel.path }
        }
        for (text, part) in [
            ("server:\n  default_timeout: soon\n", "server.default_timeout must be"),
            ("log:\n  level: error\nserver:\n  nonsense: 1\n", "unknown key 'server.nonsense'"),
            ("log:\n  level: error\nscorer:\n  prompts_dir: /nonexistent\n", "/nonexistent"),
            ("log:\n  level: error\nrouter:\n  http_listen: [\"0.0.0.0:0\"]\nserver: [", "can't be read"),
            (
                "log:\n  level: error\ntls:\n  certificate_file: /nonexistent\n  key_file: /nonexistent\n",
                "/nonexistent"
            ),
        ] {
            let refused = try await herd.reload(text)
            let error = try #require(refused.first { $0["level"] == "error" })
            #expect(error["error"]?.contains(part) == true, "\(error)")
            #expect(Self.keys(refused, "was applied").isEmpty)
        }
        #expect(try await client.call(Admin.status, StatusRequest()).figures["connections_limit"] == 77)
        // Back: at level error the log would not tell of it.
        let back = try await herd.reload("log:\n  level: notice\n")
        #expect(Self.keys(back, "was applied").contains("server.max_connections"))
        #expect(try await client.call(Admin.status, StatusRequest()).figures["connections_limit"] == 10_240)
        herd.process.terminate()
        let process = herd.process
        await Blocking.onThread { process.waitUntilExit() }
        #expect(process.terminationStatus == 0)
    }

    @Test func `links that are wrong change nothing`() async throws {
        // Of its own, because services in one process need none.
        let herd = try await Herd("{}\n", role: "router")
        defer { herd.end() }
        let client = try herd.client()
        defer { client.close() }
        let refused = try await herd.reload("server:\n  max_connections: 77\nlinks:\n  ca_file: /nonexistent\n")
        let error = try #require(refused.first { $0["level"] == "error" })
        #expect(error["error"]?.contains("links: the servers' authority '/nonexistent'") == true, "\(error)")
        #expect(Self.keys(refused, "was applied").isEmpty)
        #expect(try await client.call(Admin.status, StatusRequest()).figures["connections_limit"] == 10_240)
    }

    @Test func `a configuration can be checked without a start`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "herd-check-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let shipped = ProjectPython.root.appending(path: "Config/herdd.yaml").path
        let right = try await Programs.run(Programs.herdd, ["check-config", "--config", shipped])
        #expect(right.status == 0, "\(right.errors)")
        for (text, part) in [
            ("router:\n  lissten: [\"127.0.0.1:0\"]\n", "is 'router.listen' meant?"),
            ("router:\n  http_listen: [\"0.0.0.0:7611\"]\n", "server.http_public"),
            ("tls:\n  certificate_file: /nonexistent\n  key_file: /nonexistent\n", "/nonexistent"),
            ("access:\n  service_credential_file: /nonexistent\n", "/nonexistent"),
            ("links:\n  ca_file: /nonexistent\n", "links: the servers' authority '/nonexistent'"),
            ("refiner:\n  prompts_dir: /nonexistent\n", "/nonexistent"),
            ("embedding:\n  table: /nonexistent\n", "embedding.table"),
        ] {
            let file = folder.appending(path: "herdd.yaml")
            try Data(text.utf8).write(to: file)
            let wrong = try await Programs.run(Programs.herdd, ["check-config", "--config", file.path])
            #expect(wrong.status == 78, "\(text)")
            #expect(wrong.errors.contains(part), "\(wrong.errors)")
        }
        // What only the start of that service would find.
        let file = folder.appending(path: "herdd.yaml")
        try Data("scorer:\n  listen: [\"0.0.0.0:7602\"]\n".utf8).write(to: file)
        let open = try await Programs.run(
            Programs.herdd, ["check-config", "--role", "scorer", "--config", file.path])
        #expect(open.status == 78 && open.errors.contains("service_credential_file"), "\(open.errors)")
    }

    /// A certificate that an authority of its own has signed, by the openssl program; the authority is made first.
    private static func certificate(_ name: String, in folder: URL) async throws -> (certificate: String, key: String) {
        func openssl(_ arguments: [String]) async throws {
            let result = try await Programs.run(URL(filePath: "/usr/bin/openssl"), arguments)
            try #require(result.status == 0, "\(result.errors)")
        }
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        func path(_ name: String) -> String { folder.appending(path: name).path }
        if !FileManager.default.fileExists(atPath: path("ca.pem")) {
            try await openssl(
                ["req", "-x509", "-days", "2", "-subj", "/CN=ca", "-keyout", path("ca.key"), "-out", path("ca.pem")]
                    + curve)
        }
        try await openssl(
            ["req", "-subj", "/CN=\(name)", "-keyout", path("\(name).key"), "-out", path("\(name).csr")] + curve)
        try Data("subjectAltName=DNS:\(name),IP:127.0.0.1\n".utf8).write(to: folder.appending(path: "\(name).ext"))
        try await openssl([
            "x509", "-req", "-in", path("\(name).csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
            "-CAcreateserial", "-days", "2", "-extfile", path("\(name).ext"), "-out", path("\(name).pem"),
        ])
        return (path("\(name).pem"), path("\(name).key"))
    }

    @Test func `who is let in, and with which certificate, changes without a restart`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "herd-certificates-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (first, second) = (
            try await Self.certificate("first", in: folder), try await Self.certificate("second", in: folder)
        )
        let operators = try await Self.certificate("operators", in: folder)
        let authority = folder.appending(path: "ca.pem").path
        func configuration(_ server: (certificate: String, key: String), _ rules: String) -> String {
            """
            tls:
              certificate_file: \(server.certificate)
              key_file: \(server.key)
              client_ca_file: \(authority)
            access:
              client_certificates: [\(rules)]
            """
        }
        let herd = try await Herd(configuration(first, "\"operators=admin\""))
        defer { herd.end() }
        func add(_ model: String) async throws -> Int32 {
            try await Programs.run(
                Programs.herdctl,
                [
                    "model", "add", model, "--address", herd.address, "--ca-file", authority, "--certificate-file",
                    operators.certificate, "--key-file", operators.key,
                ]
            ).status
        }
        func servedName() async throws -> String {
            try await Programs.run(
                URL(filePath: "/usr/bin/openssl"), ["s_client", "-connect", herd.address, "-CAfile", authority]
            ).output
        }
        #expect(try await add("a") == 0)
        #expect(try await servedName().contains("subject=CN = first"))
        // An open connection goes as well.
        var client = ClientConfiguration()
        client.transportSecurity = TransportSecurity()
        client.transportSecurity?.authorityFile = authority
        client.transportSecurity?.certificateFile = operators.certificate
        client.transportSecurity?.keyFile = operators.key
        let open = try HerdClient(addresses: [herd.address], configuration: client)
        defer { open.close() }
        _ = try await open.call(Registry.getModel, GetModelRequest(name: "a"))
        let lines = try await herd.reload(configuration(second, "\"others=admin\""))
        #expect(
            Self.keys(lines, "was applied") == [
                "access.client_certificates", "tls.certificate_file", "tls.key_file",
            ])
        #expect(try await servedName().contains("subject=CN = second"))
        #expect(try await add("b") == 77)
        let refused = await #expect(throws: CallError.self) {
            _ = try await open.call(Registry.getModel, GetModelRequest(name: "a"))
        }
        #expect(refused?.code == .unauthenticated)
        // Nor does it get in anywhere else.
        var impatient = client
        impatient.retryWindow = .zero
        for service in ["router", "scorer", "refiner"] {
            let gone = try HerdClient(addresses: [try #require(herd.addresses[service])], configuration: impatient)
            defer { gone.close() }
            for method in MethodDescription.all {
                let refused = await #expect(throws: CallError.self) {
                    _ = try await gone.forward(path: method.path, payload: [], timeout: .seconds(20)) { _ in }
                }
                #expect(refused?.code == .unauthenticated, "\(service) \(method.path)")
            }
        }
        _ = try await herd.reload(configuration(second, "\"operators=client\""))
        #expect(try await add("b") == 77)
        _ = try await herd.reload(configuration(second, "\"operators=admin\""))
        #expect(try await add("b") == 0)
        // The audit log has each of the three changes, beside the models.
        let again = try HerdClient(addresses: [herd.address], configuration: client)
        defer { again.close() }
        let audit = try await again.call(Access.listAudit, ListAuditRequest()).entries
        let signals = audit.filter { $0.method == "SIGHUP access.client_certificates" }
        #expect(signals.map(\.subject) == ["operators=admin", "operators=client", "others=admin"])
        #expect(signals.allSatisfy { $0.actor == "herdd" && $0.ended && $0.code == 0 })
    }

    @Test func `a supervisor is told when it serves, reads its configuration again and ends`() async throws {
        let path = "/tmp/herd-notify-\(UUID().uuidString)"
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer {
            close(socket)
            unlink(path)
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        func told() async -> String {
            await Blocking.onThread {
                var bytes = [UInt8](repeating: 0, count: 1_024)
                let count = recv(socket, &bytes, bytes.count, 0)
                return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
            }
        }
        let herd = try await Herd("{}\n", role: "router", environment: ["NOTIFY_SOCKET": path])
        defer { herd.end() }
        #expect(await told() == "READY=1")
        _ = try await herd.reload("log:\n  level: notice\n")
        #expect(await told().hasPrefix("RELOADING=1\nMONOTONIC_USEC="))
        #expect(await told() == "READY=1")
        herd.process.terminate()
        #expect(await told() == "STOPPING=1")
        let process = herd.process
        await Blocking.onThread { process.waitUntilExit() }
        #expect(process.terminationStatus == 0)
    }
}
