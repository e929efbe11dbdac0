import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Synchronization
import Testing

/// Tokens as operators make them, in real processes that are killed.
@Suite(.serialized, .timeLimit(.minutes(2))) struct TokenTests {
    @Test func operatorsMakeListAndRevokeTokens() async throws {
        try await GuardedProcess.with { herd in
            #expect(herd.admin.hasPrefix("herd_") && !herd.admin.contains("\n"))
            // Without a token: not permitted.
            let nobody = try await herd.ctl(["model", "list"], token: "")
            #expect(nobody.status == 77 && nobody.errors.contains("UNAUTHENTICATED"), "\(nobody.errors)")
            #expect(nobody.errors.contains("HERD_TOKEN"), "\(nobody.errors)")
            let made = try await herd.ctl(["token", "create", "--role", "client", "--tenant", "acme", "--days", "1"])
            #expect(made.status == 0, "\(made.errors)")
            let secret = String(made.output.dropLast())
            #expect(secret.hasPrefix("herd_") && made.output.hasSuffix("\n") && !secret.contains("\n"))
            // From a file, as for a service.
            let file = herd.folder.appending(path: "acme.token")
            try Data(made.output.utf8).write(to: file)
            let mine = try await herd.ctl(["call", "Admin/Health", "--token-file", file.path], token: "")
            #expect(mine.status == 0, "\(mine.errors)")
            let denied = try await herd.ctl(["model", "list", "--token-file", file.path], token: "")
            #expect(denied.status == 77 && denied.errors.contains("PERMISSION_DENIED"), "\(denied.errors)")
            let list = try await herd.ctl(["token", "list", "--json"])
            let id = String(secret.split(separator: "_")[1])
            #expect(list.output.contains(id) && !list.output.contains(secret.split(separator: "_")[2]))
            let revoked = try await herd.ctl(["token", "revoke", id])
            #expect(revoked.status == 0, "\(revoked.errors)")
            let gone = try await herd.ctl(["call", "Admin/Health", "--token-file", file.path], token: "")
            #expect(gone.status == 77 && gone.errors.contains("revoked"), "\(gone.errors)")
            let missing = try await herd.ctl(["call", "Admin/Health", "--token-file", "/no/such/file"], token: "")
            #expect(missing.status == 77 && missing.errors.contains("/no/such/file"), "\(missing.errors)")
            let audit = try await herd.ctl(["audit", "--json"])
            #expect(audit.status == 0 && audit.output.contains("herd.v1.Access/RevokeToken"), "\(audit.errors)")
            #expect(!audit.output.contains(secret.split(separator: "_")[2]))
            // The store is the router's while it runs.
            let offline = try await Programs.run(
                Programs.herdd, ["token", "create", "--role", "admin", "--data", herd.data])
            #expect(offline.status == 75 && offline.errors.contains("herdctl token create"), "\(offline.errors)")
        }
    }

    @Test func nothingAcknowledgedIsLostToAKill() async throws {
        try await GuardedProcess.with { herd in
            let (kept, revoked) = (Secrets(), Secrets())
            for round in 0..<3 {
                let client = try herd.client(herd.admin)
                let daemon = herd.daemon
                await withTaskGroup(of: Void.self) { group in
                    for worker in 0..<4 {
                        group.addTask {
                            for number in 0..<10_000 {
                                let request = CreateTokenRequest(name: "\(worker)", roles: ["client"])
                                guard let made = try? await client.call(Access.createToken, request) else { return }
                                guard number % 2 == 0, let id = made.token?.id else {
                                    kept.add(made.secret)
                                    continue
                                }
                                let revoke = RevokeTokenRequest(id: id)
                                guard (try? await client.call(Access.revokeToken, revoke)) != nil else { return }
                                revoked.add(made.secret)
                            }
                        }
                    }
                    group.addTask {
                        while revoked.all.count < (round + 1) * 20 { try? await Task.sleep(for: .milliseconds(1)) }
                        daemon.kill()
                    }
                    await group.waitForAll()
                }
                client.close()
                try await herd.startAgain()
            }
            for (secrets, code) in [(kept.all, StatusCode.ok), (revoked.all, .unauthenticated)] {
                for secret in secrets {
                    let client = try herd.client(secret)
                    defer { client.close() }
                    var outcome = StatusCode.ok
                    do throws(CallError) {
                        _ = try await client.call(Admin.health, HealthRequest())
                    } catch {
                        outcome = error.code
                    }
                    #expect(outcome == code)
                }
            }
            // What was done was noted before it was begun.
            let client = try herd.client(herd.admin)
            defer { client.close() }
            var noted: Set<String> = []
            var next = ""
            repeat {
                let page = try await client.call(
                    Access.listAudit, ListAuditRequest(page: Page(size: 1_000, token: next)))
                for entry in page.entries where entry.method == Access.revokeToken.path { noted.insert(entry.subject) }
                next = page.next
            } while !next.isEmpty
            #expect(revoked.all.allSatisfy { noted.contains(String($0.split(separator: "_")[1])) })
        }
    }

    @Test func aHerdWithoutCredentialsStaysOnItsMachine() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "open-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        for arguments in [
            ["all", "--listen", "0.0.0.0:0", "--scorer-listen", "127.0.0.1:0", "--refiner-listen", "127.0.0.1:0"],
            ["all", "--listen", "127.0.0.1:0", "--scorer-listen", "0.0.0.0:0", "--refiner-listen", "127.0.0.1:0"],
        ] {
            let refused = try await Programs.run(Programs.herdd, arguments + ["--data", folder.path])
            #expect(refused.status == 78, "\(refused.errors)")
            #expect(refused.errors.contains("does not listen on 0.0.0.0:0"), "\(refused.errors)")
        }
    }

    @Test func aWholeHerdBehindTLS() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (certificate, key) = (folder.appending(path: "own.pem").path, folder.appending(path: "own.key").path)
        let made = try await Programs.run(
            URL(filePath: "/usr/bin/openssl"),
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=herd", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out",
                certificate,
            ])
        try #require(made.status == 0, "\(made.errors)")
        let environment = ["HERD_TLS_CERTIFICATE_FILE": certificate, "HERD_TLS_KEY_FILE": key]
        try await GuardedProcess.with(listen: "0.0.0.0:0", environment: environment) { herd in
            let port = try #require(herd.daemon.addresses["router"]?.port)
            let secure = ["HERD_CA_FILE": certificate, "HERD_ADDRESS": "localhost:\(port)"]
            let status = try await herd.ctl(["status"], environment: secure)
            #expect(status.status == 0, "\(status.errors)")
            // By way of the scorer, which the router dials as one of the herd.
            let predictors = try await herd.ctl(["predictor", "list"], environment: secure)
            #expect(predictors.status == 0, "\(predictors.errors)")
            let stranger = try await herd.ctl(
                ["status"], environment: ["HERD_TLS": "1", "HERD_ADDRESS": "localhost:\(port)"])
            #expect(stranger.status == 69 && stranger.errors.contains("authority"), "\(stranger.errors)")
            let scorer = try #require(herd.daemon.addresses["scorer"]?.port)
            let direct = try await herd.ctl(
                ["status"], environment: ["HERD_CA_FILE": certificate, "HERD_ADDRESS": "localhost:\(scorer)"])
            #expect(direct.status == 77, "\(direct.errors)")
        }
    }
}

/// Strings that tasks collect.
private final class Secrets: Sendable {
    private let state = Mutex<[String]>([])

    var all: [String] { state.withLock { $0 } }

    func add(_ secret: String) {
        state.withLock { $0.append(secret) }
    }
}

/// `herdd all` on a data folder that had a token before it ran.
final class GuardedProcess {
    let folder: URL
    let data: String
    /// The secret of the role admin.
    let admin: String
    private(set) var daemon: Daemon

    private init(folder: URL, data: String, admin: String, daemon: Daemon) {
        (self.folder, self.data, self.admin, self.daemon) = (folder, data, admin, daemon)
    }

    /// - Parameter prepare: gets the folder before anything runs there, and gives more of the environment.
    static func with(
        listen: String = "127.0.0.1:0", environment: [String: String] = [:],
        prepare: (URL) throws -> [String: String] = { _ in [:] }, _ body: (GuardedProcess) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tokens-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let data = folder.appending(path: "data").path
        let made = try await Programs.run(
            Programs.herdd, ["token", "create", "--role", "admin", "--data", data, "--name", "first"])
        try #require(made.status == 0, "\(made.errors)")
        let herd = GuardedProcess(
            folder: folder, data: data, admin: String(made.output.dropLast()),
            daemon: try await Daemon(
                arguments(data, listen), in: folder,
                environment: environment.merging(try prepare(folder)) { _, new in new }))
        defer { if herd.daemon.process.isRunning { herd.daemon.kill() } }
        try await body(herd)
    }

    private static func arguments(_ data: String, _ listen: String) -> [String] {
        [
            "all", "--data", data, "--listen", listen, "--scorer-listen", "127.0.0.1:0", "--refiner-listen",
            "127.0.0.1:0",
        ]
    }

    /// - Parameter other: another data folder; the same if not given.
    func startAgain(on other: String? = nil) async throws {
        daemon = try await Daemon(Self.arguments(other ?? data, "127.0.0.1:0"), in: folder)
    }

    func client(_ secret: String) throws -> HerdClient {
        let address = try #require(daemon.addresses["router"])
        var configuration = ClientConfiguration()
        configuration.authorization = "Bearer \(secret)"
        return HerdClient(host: address.host, port: address.port, configuration: configuration)
    }

    /// Runs herdctl, with the administrator's token unless told otherwise.
    func ctl(
        _ arguments: [String], token: String? = nil, environment: [String: String] = [:]
    ) async throws -> (status: Int32, output: String, errors: String) {
        var all = ["HERD_ADDRESS": try daemon.address("router"), "HERD_TOKEN": token ?? admin]
        all.merge(environment) { $1 }
        return try await Programs.run(Programs.herdctl, arguments, environment: all)
    }
}
