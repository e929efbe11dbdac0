import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import HerdServer
import HerdServices
import HerdTransport
import Logging
import Testing

/// A refiner, the smallest of the services, that speaks TLS.
private struct EncryptedServer {
    let authority: TestAuthority
    let address: EndpointAddress
    let certificate: (certificate: String, key: String)
    /// The file of those whose certificates clients may show: `authority` at first.
    let clientAuthorities: String

    var port: String { address.description.split(separator: ":").last.map(String.init) ?? "" }

    func client(_ change: (inout ClientConfiguration) -> Void = { _ in }) -> HerdClient {
        var configuration = ClientConfiguration()
        configuration.retryWindow = .zero
        var security = TransportSecurity()
        security.authorityFile = authority.authority
        configuration.transportSecurity = security
        change(&configuration)
        return HerdClient(address: address, configuration: configuration)
    }

    /// One that shows a certificate.
    func client(showing files: (certificate: String, key: String), retryWindow: Duration = .zero) -> HerdClient {
        client {
            $0.transportSecurity?.certificateFile = files.certificate
            $0.transportSecurity?.keyFile = files.key
            $0.retryWindow = retryWindow
        }
    }

    /// Puts the certificates of other authorities into the file of those that clients are trusted by.
    func trust(_ authorities: [TestAuthority]) throws {
        let texts = try authorities.map { try String(contentsOfFile: $0.authority, encoding: .utf8) }
        try Data(texts.joined().utf8).write(to: URL(filePath: clientAuthorities), options: .atomic)
    }

    /// Which certificate new connections get.
    func serial() throws -> String {
        let text = try TestAuthority.run(["s_client", "-connect", "127.0.0.1:\(port)"]).output
        return text.components(separatedBy: "-----END CERTIFICATE-----")[0]
    }

    static func run(
        rules: [String] = ["spiffe://herd/router=service"], names: String = "DNS:localhost,IP:127.0.0.1",
        _ body: (EncryptedServer) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let authority = try TestAuthority(in: folder)
        let own = try authority.sign("server", for: names)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        var configuration = HerdConfiguration()
        configuration.refiner.listen = ["127.0.0.1:0"]
        configuration.refiner.data = folder.appending(path: "refiner").path
        configuration.tls.certificateFile = own.certificate
        configuration.tls.keyFile = own.key
        let clientAuthorities = authority.path("clients.pem")
        try FileManager.default.copyItem(atPath: authority.authority, toPath: clientAuthorities)
        configuration.tls.clientCAFile = clientAuthorities
        configuration.access.clientCertificates = rules
        let refiner = try await RefinerProcess(configuration, logger: logger)
        let address = try #require(try await refiner.start().first)
        let task = Task { try await refiner.run() }
        do {
            try await body(
                EncryptedServer(
                    authority: authority, address: address, certificate: own, clientAuthorities: clientAuthorities))
        } catch {
            task.cancel()
            _ = try? await task.value
            throw error
        }
        task.cancel()
        _ = try? await task.value
    }
}

/// Connections over TLS: who trusts whom, what is spoken, and how certificates are replaced.
@Suite struct TLSTests {
    @Test func certificatesLetInWhomTheRulesName() async throws {
        try await EncryptedServer.run(rules: ["spiffe://herd/router=service", "User.test=client:acme"]) { server in
            let router = try server.authority.sign("router", for: "URI:spiffe://herd/router")
            let user = try server.authority.sign("user", for: "DNS:user.test")
            let stranger = try server.authority.sign("stranger", for: "DNS:stranger.test")
            let other = try TestAuthority(
                in: FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).made())
            defer { try? FileManager.default.removeItem(at: other.folder) }
            let forged = try other.sign("router", for: "URI:spiffe://herd/router")
            for (who, files, expected) in [
                ("router", router, StatusCode.ok), ("user", user, .permissionDenied),
                ("stranger", stranger, .unauthenticated),
                ("forged", forged, .unavailable), ("nobody", nil, .unauthenticated),
            ] as [(String, (certificate: String, key: String)?, StatusCode)] {
                let client = server.client {
                    $0.transportSecurity?.certificateFile = files?.certificate ?? ""
                    $0.transportSecurity?.keyFile = files?.key ?? ""
                }
                defer { client.close() }
                for method in MethodDescription.all where method.path.hasPrefix("herd.v1.Refiner/") {
                    let code = await code(of: method.path, with: client)
                    if expected == .ok {
                        #expect(code != .unauthenticated && code != .permissionDenied, "\(who) \(method.path)")
                    } else {
                        #expect(code == expected, "\(who) \(method.path)")
                    }
                }
            }
        }
    }

    @Test func namesAreOfTheKindThatTheRulesAreFor() async throws {
        let rules = ["spiffe://herd/router=service", "User.test=service", "ops@herd.test=service"]
        try await EncryptedServer.run(rules: rules) { server in
            for (number, (names, isLetIn)) in [
                ("URI:SPIFFE://Herd/router", true), ("URI:spiffe://herd/Router", false),
                ("DNS:spiffe://herd/router", false), ("email:spiffe://herd/router", false),
                ("DNS:user.TEST", true), ("URI:user.test", false), ("email:user.test", false),
                ("email:ops@HERD.test", true), ("email:Ops@herd.test", false), ("DNS:ops@herd.test", false),
                ("URI:ops@herd.test", false), ("DNS:stranger.test,email:ops@herd.test", true),
            ].enumerated() {
                let files = try server.authority.sign("names\(number)", for: names)
                let client = server.client(showing: files)
                defer { client.close() }
                let code = await code(of: Admin.health.path, with: client)
                #expect(code == (isLetIn ? .ok : .unauthenticated), "\(names)")
            }
        }
    }

    @Test func theServerIsWhoItSays() async throws {
        try await EncryptedServer.run(names: "DNS:localhost,DNS:herd.test") { server in
            let files = try server.authority.sign("router", for: "URI:spiffe://herd/router")
            let untrusting = try TestAuthority(
                in: FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).made())
            defer { try? FileManager.default.removeItem(at: untrusting.folder) }
            // As bundles of many authorities are: the first of them has expired.
            let expired = try server.authority.sign("expired", for: "DNS:expired.test", isExpired: true).certificate
            let bundle = server.authority.path("bundle.pem")
            try [expired, server.authority.authority].map { try String(contentsOfFile: $0, encoding: .utf8) }.joined()
                .write(toFile: bundle, atomically: true, encoding: .utf8)
            let cases: [(String, StatusCode, (inout TransportSecurity) -> Void)] = [
                ("by an address that the certificate is not for", .unavailable, { _ in }),
                ("by name", .ok, { $0.serverName = "herd.test" }),
                (
                    "a bundle with one that has expired", .ok,
                    { ($0.serverName, $0.authorityFile) = ("herd.test", bundle) }
                ),
                ("none that has not", .failedPrecondition, { $0.authorityFile = expired }),
                ("by another name", .unavailable, { $0.serverName = "other.test" }),
                ("another authority", .unavailable, { $0.authorityFile = untrusting.authority }),
                ("the system's authorities", .unavailable, { $0.authorityFile = "" }),
                ("no such file", .failedPrecondition, { $0.authorityFile = "/no/such/file" }),
            ]
            for (name, expected, change) in cases {
                let client = server.client {
                    $0.transportSecurity?.certificateFile = files.certificate
                    $0.transportSecurity?.keyFile = files.key
                    if var security = $0.transportSecurity {
                        change(&security)
                        $0.transportSecurity = security
                    }
                }
                defer { client.close() }
                let code = await code(of: Admin.health.path, with: client)
                #expect(code == expected, "\(name)")
            }
            // Without TLS nobody gets anywhere.
            let plain = server.client { $0.transportSecurity = nil }
            defer { plain.close() }
            #expect(await code(of: Admin.health.path, with: plain) == .unavailable)
        }
    }

    @Test func oldProtocolsAndWeakCiphersAreNotSpoken() async throws {
        try await EncryptedServer.run { server in
            for (arguments, isSpoken) in [
                (["-tls1_3"], true), (["-tls1_2"], true), (["-tls1_1"], false), (["-tls1"], false),
                (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], true),
                (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA"], false),
                (["-tls1_2", "-cipher", "AES128-GCM-SHA256:AES256-SHA"], false),
            ] {
                var arguments = arguments
                if let index = arguments.firstIndex(of: "-cipher") {
                    arguments[index + 1] += ":@SECLEVEL=0"
                } else if !arguments.contains("-tls1_3") {
                    arguments += ["-cipher", "ALL:@SECLEVEL=0"]
                }
                let output = try TestAuthority.run(["s_client", "-connect", "127.0.0.1:\(server.port)"] + arguments)
                    .output
                #expect(output.contains("BEGIN CERTIFICATE") == isSpoken, "\(arguments): \(output.suffix(600))")
            }
        }
    }

    @Test func connectionsWithoutTLSAreCounted() async throws {
        try await EncryptedServer.run { server in
            let router = try server.authority.sign("router", for: "URI:spiffe://herd/router")
            let expired = try server.authority.sign("old", for: "URI:spiffe://herd/router", isExpired: true)
            let other = try TestAuthority(
                in: FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).made())
            defer { try? FileManager.default.removeItem(at: other.folder) }
            let forged = try other.sign("router", for: "URI:spiffe://herd/router")
            let client = server.client {
                $0.transportSecurity?.certificateFile = router.certificate
                $0.transportSecurity?.keyFile = router.key
            }
            defer { client.close() }
            func failed() async throws -> Double? {
                try await client.call(Admin.status, StatusRequest()).figures["tls_handshake_failures"]
            }
            #expect(try await failed() == 0)
            for (number, (name, arguments)) in [
                ("too old", ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]),
                ("expired", ["-cert", expired.certificate, "-key", expired.key]),
                ("expired, 1.2", ["-tls1_2", "-cert", expired.certificate, "-key", expired.key]),
                ("forged", ["-cert", forged.certificate, "-key", forged.key]),
                ("of no certificate that the server has", ["-CAfile", other.authority, "-verify_return_error"]),
            ].enumerated() {
                // What is said over it is not heard, if anything is.
                _ = try TestAuthority.run(["s_client", "-connect", "127.0.0.1:\(server.port)"] + arguments)
                let deadline = ContinuousClock.now + .seconds(20)
                while try await failed() != Double(number + 1), ContinuousClock.now < deadline {
                    try await Task.sleep(for: .milliseconds(10))
                }
                #expect(try await failed() == Double(number + 1), "\(name)")
            }
            // No TLS at all.
            let plain = server.client { $0.transportSecurity = nil }
            defer { plain.close() }
            #expect(await code(of: Admin.health.path, with: plain) == .unavailable)
            #expect((try await failed() ?? 0) >= 6)
            let figures = try await client.call(Admin.status, StatusRequest()).figures
            #expect(figures["unauthenticated"] == 0)
        }
    }

    @Test func certificatesAreReplacedWithoutARestart() async throws {
        try await EncryptedServer.run { server in
            let files = try server.authority.sign("router", for: "URI:spiffe://herd/router")
            let client = server.client {
                $0.transportSecurity?.certificateFile = files.certificate
                $0.transportSecurity?.keyFile = files.key
            }
            defer { client.close() }
            _ = try await client.call(Admin.health, HealthRequest())
            let first = try server.serial()
            // What can't be used is not taken: garbage, and a key that is another's.
            let fresh = try server.authority.sign("fresh", for: "DNS:localhost,IP:127.0.0.1")
            let old = try Data(contentsOf: URL(filePath: server.certificate.certificate))
            let tls = try ServerTLS(
                ServerTLSFiles(certificate: server.certificate.certificate, key: server.certificate.key))
            for bad in [Data("no certificate\n".utf8), try Data(contentsOf: URL(filePath: fresh.certificate))] {
                try bad.write(to: URL(filePath: server.certificate.certificate))
                #expect(throws: TLSFileError.self) { try tls.reload() }
                // Not read again before it changes.
                #expect(try !tls.reload())
            }
            #expect(try server.serial() == first)
            try old.write(to: URL(filePath: server.certificate.certificate))
            #expect(try tls.reload())
            // Both files of a new pair: taken once they belong together.
            try FileManager.default.removeItem(atPath: server.certificate.key)
            try FileManager.default.copyItem(atPath: fresh.key, toPath: server.certificate.key)
            try Data(contentsOf: URL(filePath: fresh.certificate)).write(
                to: URL(filePath: server.certificate.certificate))
            let deadline = ContinuousClock.now + .seconds(20)
            while try server.serial() == first, ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(try server.serial() != first)
            // Who was connected still is.
            _ = try await client.call(Admin.health, HealthRequest())
            let again = server.client {
                $0.transportSecurity?.certificateFile = files.certificate
                $0.transportSecurity?.keyFile = files.key
            }
            defer { again.close() }
            _ = try await again.call(Admin.health, HealthRequest())
        }
    }

    @Test func whomAnAuthorityThatWasTakenAwayHadSignedIsOut() async throws {
        try await EncryptedServer.run { server in
            let other = try TestAuthority(
                in: FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).made())
            defer { try? FileManager.default.removeItem(at: other.folder) }
            let before = server.client(showing: try server.authority.sign("router", for: "URI:spiffe://herd/router"))
            // Its authority stays: it loses no call.
            let after = server.client(
                showing: try other.sign("router", for: "URI:spiffe://herd/router"), retryWindow: .seconds(20))
            defer {
                before.close()
                after.close()
            }
            _ = try await before.call(Admin.health, HealthRequest())
            let deadline = ContinuousClock.now + .seconds(20)
            try server.trust([server.authority, other])
            while await code(of: Admin.health.path, with: after) != .ok, ContinuousClock.now < deadline {}
            _ = try await before.call(Admin.health, HealthRequest())
            // Open for as long as there is no more credit.
            var messages = after.stream(Admin.probe, ProbeRequest(count: 500, bytes: 1_000)).makeAsyncIterator()
            _ = try await messages.next()
            try server.trust([other])
            var last = StatusCode.ok
            while last == .ok, ContinuousClock.now < deadline {
                last = await code(of: Admin.health.path, with: before)
                _ = try await after.call(Admin.health, HealthRequest())
            }
            #expect(last == .unavailable)
            for _ in 0..<20 { _ = try await after.call(Admin.health, HealthRequest()) }
            #expect(await code(of: Admin.health.path, with: before) == .unavailable)
            var count = 1
            while try await messages.next() != nil { count += 1 }
            #expect(count == 500)
        }
    }

    @Test func onlyAnAuthorityThatIsGoneCounts() async throws {
        try await EncryptedServer.run { server in
            let other = try TestAuthority(
                in: FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).made())
            defer { try? FileManager.default.removeItem(at: other.folder) }
            let files = ServerTLSFiles(
                certificate: server.certificate.certificate, key: server.certificate.key,
                clientAuthorities: server.clientAuthorities)
            let tls = try ServerTLS(files)
            for (authorities, version) in [
                ([server.authority], 0), ([server.authority, other], 0), ([other, server.authority], 0), ([other], 1),
                ([other], 1), ([server.authority], 2),
            ] as [([TestAuthority], UInt64)] {
                try server.trust(authorities)
                #expect(try tls.reload())
                #expect(tls.authorityVersion == version)
                tls.use(try ServerTLS(files))
                #expect(tls.authorityVersion == version)
            }
            var none = files
            none.clientAuthorities = ""
            tls.use(try ServerTLS(none))
            #expect(tls.authorityVersion == 3)
        }
    }

    @Test func theSameAuthoritiesAgainEndNobody() async throws {
        try await EncryptedServer.run { server in
            let client = server.client(showing: try server.authority.sign("router", for: "URI:spiffe://herd/router"))
            defer { client.close() }
            func accepted() async throws -> Double? {
                try await client.call(Admin.status, StatusRequest()).figures["connections_accepted"]
            }
            #expect(try await accepted() == 1)
            try server.trust([server.authority])
            // The files are looked at once a second.
            let looked = ContinuousClock.now + .milliseconds(1_500)
            while ContinuousClock.now < looked { #expect(try await accepted() == 1) }
        }
    }

    @Test func longStreamsAndLargeMessagesPass() async throws {
        try await EncryptedServer.run { server in
            let files = try server.authority.sign("router", for: "URI:spiffe://herd/router")
            let client = server.client {
                $0.transportSecurity?.certificateFile = files.certificate
                $0.transportSecurity?.keyFile = files.key
            }
            defer { client.close() }
            var count = 0
            for try await message in client.stream(Admin.probe, ProbeRequest(count: 40, bytes: 1_000_000)) {
                #expect(message.payload.count == 1_000_000)
                count += 1
            }
            #expect(count == 40)
        }
    }
}

extension URL {
    /// The folder, made.
    fileprivate func made() throws -> URL {
        try FileManager.default.createDirectory(at: self, withIntermediateDirectories: true)
        return self
    }
}
