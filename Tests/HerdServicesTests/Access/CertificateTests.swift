import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import HerdServices
import HerdTransport
import Logging
import Testing

/// Router, scorer and refiner in this process, as three that know each other, and their callers, by certificate.
private struct CertifiedHerd {
    let authority: TestAuthority
    /// Of the service to where it listens.
    let addresses: [String: EndpointAddress]
    /// Of somebody who may do everything.
    let operators: (certificate: String, key: String)

    func client(
        of service: String, showing files: (certificate: String, key: String)?
    ) throws -> HerdClient {
        var configuration = ClientConfiguration()
        configuration.retryWindow = .zero
        var security = TransportSecurity()
        security.authorityFile = authority.authority
        security.certificateFile = files?.certificate ?? ""
        security.keyFile = files?.key ?? ""
        configuration.transportSecurity = security
        return HerdClient(address: try #require(addresses[service]), configuration: configuration)
    }

    /// What a service serves or passes on, as it says itself, and what it does not.
    func methods(of service: String) async throws -> [String] {
        let client = try client(of: service, showing: operators)
        defer { client.close() }
        let registered = try await client.call(Admin.status, StatusRequest()).methods.map(\.method)
        try #require(registered.contains(Admin.status.path) && registered.count > 5, "\(service): \(registered)")
        let others = MethodDescription.all.map(\.path) + ["herd.v1.Scorer/Nothing", "no/thing"]
        return Set(registered + others).sorted()
    }

    func failedHandshakes(of service: String) async throws -> Double {
        let client = try client(of: service, showing: operators)
        defer { client.close() }
        return try await client.call(Admin.status, StatusRequest()).figures["tls_handshake_failures"] ?? 0
    }

    static func run(_ body: (CertifiedHerd) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "certified-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let authority = try TestAuthority(in: folder)
        let own = try authority.sign("server", for: "DNS:localhost,IP:127.0.0.1")
        let operators = try authority.sign("operators", for: "URI:spiffe://herd/operators")
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        var configuration = HerdConfiguration()
        configuration.scorer.listen = ["127.0.0.1:0"]
        configuration.scorer.data = folder.appending(path: "scorer").path
        configuration.scorer.routerAddress = ""
        configuration.refiner.listen = ["127.0.0.1:0"]
        configuration.refiner.data = folder.appending(path: "refiner").path
        configuration.refiner.routerAddress = ""
        configuration.router.listen = ["127.0.0.1:0"]
        configuration.router.data = folder.appending(path: "router").path
        configuration.tls.certificateFile = own.certificate
        configuration.tls.keyFile = own.key
        configuration.tls.clientCAFile = authority.authority
        configuration.access.clientCertificates = ["spiffe://herd/operators=admin+service"]
        configuration.links.caFile = authority.authority
        configuration.links.certificateFile = operators.certificate
        configuration.links.keyFile = operators.key
        let scorer = try ScorerProcess(configuration, logger: logger)
        let scorerAddress = try #require(try await scorer.start().first)
        let refiner = try await RefinerProcess(configuration, logger: logger)
        let refinerAddress = try #require(try await refiner.start().first)
        configuration.router.scorerAddress = scorerAddress.description
        configuration.router.refinerAddress = refinerAddress.description
        let router = try await RouterProcess(configuration, logger: logger)
        let routerAddress = try #require(try await router.start().first)
        let tasks = [
            Task { try await router.run() }, Task { try await refiner.run() }, Task { try await scorer.run() },
        ]
        let herd = CertifiedHerd(
            authority: authority,
            addresses: ["router": routerAddress, "scorer": scorerAddress, "refiner": refinerAddress],
            operators: operators)
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body(herd))
        } catch {
            outcome = .failure(error)
        }
        for task in tasks {
            task.cancel()
            _ = try? await task.value
        }
        try outcome.get()
    }
}

/// Nobody gets in anywhere with a certificate that is not right, in force and named by a rule.
@Suite struct CertificateTests {
    @Test func badCertificatesGetInNowhere() async throws {
        try await CertifiedHerd.run { herd in
            let names = "URI:spiffe://herd/operators"
            let folder = herd.authority.folder.appending(path: "other")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let forged = try TestAuthority(in: folder).sign("operators", for: names)
            let expired = try herd.authority.sign("expired", for: names, isExpired: true)
            let stranger = try herd.authority.sign("stranger", for: "URI:spiffe://herd/stranger")
            for service in ["router", "scorer", "refiner"] {
                let methods = try await herd.methods(of: service)
                for (who, files, expected) in [
                    ("nobody", nil, StatusCode.unauthenticated), ("forged", forged, .unavailable),
                    // It is not even shown.
                    ("expired", expired, .failedPrecondition), ("stranger", stranger, .unauthenticated),
                ] as [(String, (certificate: String, key: String)?, StatusCode)] {
                    let client = try herd.client(of: service, showing: files)
                    defer { client.close() }
                    for method in methods {
                        let code = await code(of: method, with: client)
                        #expect(code == expected, "\(service) \(method) as \(who)")
                    }
                }
                // Somebody who shows it all the same gets no further than the handshake.
                let before = try await herd.failedHandshakes(of: service)
                let address = try #require(herd.addresses[service]).description
                _ = try TestAuthority.run([
                    "s_client", "-connect", address, "-cert", expired.certificate, "-key", expired.key,
                ])
                let deadline = ContinuousClock.now + .seconds(20)
                while try await herd.failedHandshakes(of: service) == before, ContinuousClock.now < deadline {}
                #expect(try await herd.failedHandshakes(of: service) == before + 1, "\(service)")
            }
        }
    }
}
