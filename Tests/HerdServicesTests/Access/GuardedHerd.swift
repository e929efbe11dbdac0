import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import HerdServices
import HerdTransport
import Logging
import Testing

/// Router, scorer and refiner in this process, as three that know each other by a file.
final class GuardedHerd: Sendable {
    let folder: URL
    /// Service to where it listens.
    let addresses: [String: EndpointAddress]
    /// The secret of the role admin that was made before the router ran.
    let admin: String
    let serviceSecret: String
    private let tasks: [Task<Void, any Error>]

    private init(
        folder: URL, addresses: [String: EndpointAddress], admin: String, serviceSecret: String,
        tasks: [Task<Void, any Error>]
    ) {
        self.folder = folder
        self.addresses = addresses
        self.admin = admin
        self.serviceSecret = serviceSecret
        self.tasks = tasks
    }

    static func start() async throws -> GuardedHerd {
        let folder = FileManager.default.temporaryDirectory.appending(path: "guarded-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let serviceSecret = "0123456789abcdef0123456789abcdef"
        let file = folder.appending(path: "service.secret")
        try Data("\(serviceSecret)\n".utf8).write(to: file)
        var configuration = HerdConfiguration()
        configuration.access.serviceCredentialFile = file.path
        configuration.scorer.listen = ["127.0.0.1:0"]
        configuration.scorer.data = folder.appending(path: "scorer").path
        configuration.refiner.listen = ["127.0.0.1:0"]
        configuration.refiner.data = folder.appending(path: "refiner").path
        configuration.refiner.routerAddress = ""
        configuration.scorer.routerAddress = ""
        configuration.router.listen = ["127.0.0.1:0"]
        configuration.router.data = folder.appending(path: "router").path
        let admin = try await OfflineTokens(data: folder.path).create(
            name: "first", roles: ["admin"], tenant: "", validMilliseconds: 0)
        let scorer = try ScorerProcess(configuration, logger: logger)
        let scorerAddress = try #require(try await scorer.start().first)
        let refiner = try await RefinerProcess(configuration, logger: logger)
        let refinerAddress = try #require(try await refiner.start().first)
        configuration.router.scorerAddress = scorerAddress.description
        configuration.router.refinerAddress = refinerAddress.description
        let router = try await RouterProcess(configuration, logger: logger)
        let routerAddress = try #require(try await router.start().first)
        refiner.use(router: routerAddress)
        return GuardedHerd(
            folder: folder, addresses: ["router": routerAddress, "scorer": scorerAddress, "refiner": refinerAddress],
            admin: admin.secret, serviceSecret: serviceSecret,
            tasks: [
                Task { try await router.run() }, Task { try await refiner.run() }, Task { try await scorer.run() },
            ])
    }

    func stop() async {
        for task in tasks {
            task.cancel()
            _ = try? await task.value
        }
        try? FileManager.default.removeItem(at: folder)
    }

    /// A client that shows a credential; the empty one shows none.
    func client(_ secret: String, of service: String = "router") throws -> HerdClient {
        var configuration = ClientConfiguration()
        configuration.authorization = secret.isEmpty ? "" : "Bearer \(secret)"
        configuration.retryWindow = .zero
        return HerdClient(address: try #require(addresses[service]), configuration: configuration)
    }

    func token(
        _ roles: [String], tenant: String = "", validMs: UInt64 = 0, name: String = ""
    ) async throws -> (id: String, secret: String) {
        let client = try client(admin)
        defer { client.close() }
        let made = try await client.call(
            Access.createToken,
            CreateTokenRequest(name: name, roles: roles, tenant: tenant, validMs: validMs))
        return (try #require(made.token?.id), made.secret)
    }

    func revoke(_ id: String) async throws {
        let client = try client(admin)
        defer { client.close() }
        _ = try await client.call(Access.revokeToken, RevokeTokenRequest(id: id))
    }
}

func withGuardedHerd(_ body: (GuardedHerd) async throws -> Void) async throws {
    let herd = try await GuardedHerd.start()
    do {
        try await body(herd)
    } catch {
        await herd.stop()
        throw error
    }
    await herd.stop()
}

/// How a call of packed bytes ends, whichever kind of method it is: the code, and whether it had begun to be answered.
func code(of path: String, with client: HerdClient, timeout: Duration = .seconds(20)) async -> StatusCode {
    do throws(CallError) {
        _ = try await client.forward(path: path, payload: [], timeout: timeout) { _ in }
        return .ok
    } catch {
        return error.code
    }
}
