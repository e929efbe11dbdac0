import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Synchronization
import Testing

/// Router, scorer and refiner as three processes, which can be restarted one by one while the herd is called.
///
/// The router listens on a port and on a Unix socket; the models are "a", "b" and "c", of which "a" is best.
final class RestartHerd: Sendable {
    enum Role: String, CaseIterable {
        case router, scorer, refiner
    }

    let folder: URL
    /// Of each role, the process that serves.
    private let daemons = Mutex<[Role: Daemon]>([:])
    /// Where each has listened from its first start on.
    private let addresses = Mutex<[Role: [String]]>([:])

    /// What open calls get when a process ends.
    private let drainSeconds: Int

    /// The secret of an operator's token; empty where the herd lets in everybody.
    private let token: String
    /// Holds the secret that the three know each other by; nil where they let in everybody.
    private let credential: URL?

    private static let models = ["a", "b", "c"]

    private init(folder: URL, drainSeconds: Int, token: String, credential: URL?) {
        self.folder = folder
        self.drainSeconds = drainSeconds
        self.token = token
        self.credential = credential
    }

    /// - Parameters:
    ///   - model: says its words to everybody.
    ///   - slow: answers for "c"; nil where that one is like the others.
    ///   - drainSeconds: what open calls get when a process ends.
    ///   - isGuarded: whether it lets in by token, and its processes each other by a credential.
    static func with(
        model: ModelServer, slow: ModelServer? = nil, drainSeconds: Int = 2, isGuarded: Bool = false,
        _ body: (RestartHerd) async throws -> Void
    ) async throws {
        // Short enough for a Unix socket.
        let folder = URL(filePath: "/tmp").appending(path: "herd-restart-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.copyItem(
            at: try await TaughtScorer.preferring.folder, to: folder.appending(path: "scorer"))
        var token = ""
        var credential: URL?
        if isGuarded {
            token = try await makeToken(in: folder)
            credential = try makeCredential(in: folder)
        }
        let herd = RestartHerd(folder: folder, drainSeconds: drainSeconds, token: token, credential: credential)
        defer { herd.end() }
        for role in [Role.scorer, .refiner, .router] { try await herd.start(role) }
        try await herd.add(model, slow)
        try await body(herd)
    }

    private static func makeToken(in folder: URL) async throws -> String {
        let made = try await Programs.run(
            Programs.herdd, ["token", "create", "--role", "admin", "--data", folder.path])
        try #require(made.status == 0, "\(made.errors)")
        return made.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static func makeCredential(in folder: URL) throws -> URL {
        let file = folder.appending(path: "service.credential")
        try Data("\(UUID().uuidString)\n".utf8).write(to: file)
        // One that others may read is refused.
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
        return file
    }

    private func add(_ model: ModelServer, _ slow: ModelServer?) async throws {
        let client = try client()
        defer { client.close() }
        for name in Self.models {
            let speaker = name == "c" ? slow ?? model : model
            try await put(Model(name: name, free: true, endpoints: [Endpoint(baseUrl: speaker.baseURL)]), client)
        }
        try await untilServing(client)
    }

    private func put(_ model: Model, _ client: HerdClient) async throws {
        _ = try await client.call(Registry.putModel, PutModelRequest(model: model))
    }

    func untilServing(_ client: HerdClient) async throws {
        try await eventually("the router follows its scorer") {
            try await client.call(Admin.health, HealthRequest()).state == .serving
        }
    }

    // MARK: - Calling it

    var socket: String { "unix:\(folder.path)/router.sock" }

    /// - Parameter overSocket: whether it dials the Unix socket.
    func client(overSocket: Bool = false) throws -> HerdClient {
        let address = try #require(addresses.withLock { $0[.router]?.first })
        var configuration = ClientConfiguration()
        if !token.isEmpty { configuration.authorization = "Bearer \(token)" }
        return try HerdClient(addresses: [overSocket ? socket : address], configuration: configuration)
    }

    // MARK: - Its processes

    func daemon(_ role: Role) -> Daemon {
        // It is started with the herd.
        daemons.withLock { $0[role] }!
    }

    @discardableResult
    func start(_ role: Role, _ more: String..., environment: [String: String] = [:]) async throws -> Daemon {
        let known = addresses.withLock { $0[role] }
        var arguments = [role.rawValue, "--data", folder.appending(path: role.rawValue).path] + more
        for address in known ?? ["127.0.0.1:0"] { arguments += ["--listen", address] }
        if role == .router {
            if known == nil { arguments += ["--listen", socket] }
            for service in [Role.scorer, .refiner] {
                arguments += ["--\(service.rawValue)", try daemon(service).address(service.rawValue)]
            }
        } else {
            arguments += ["--router", socket]
        }
        var settings = ["HERD_SERVER_DRAIN_TIMEOUT": "\(drainSeconds)"]
        settings["HERD_\(role.rawValue.uppercased())_HTTP_LISTEN"] = "none"
        if let credential { settings["HERD_ACCESS_SERVICE_CREDENTIAL_FILE"] = credential.path }
        let daemon = try await Daemon(
            arguments, in: folder, environment: settings.merging(environment) { _, own in own })
        daemons.withLock { $0[role] = daemon }
        addresses.withLock { $0[role] = $0[role] ?? daemon.listening[role.rawValue] }
        return daemon
    }

    /// SIGTERM, its end, and a new one on the same addresses.
    func restart(_ role: Role) async throws {
        let before = daemon(role)
        #expect(await Blocking.onThread { before.terminate() } == 0, "\(role) ends cleanly")
        try await start(role)
    }

    /// A new one that takes over from the running one.
    func succeed(_ role: Role) async throws {
        let before = daemon(role)
        try await start(role, "--take-over")
        await Blocking.onThread { before.process.waitUntilExit() }
        #expect(before.process.terminationStatus == 0, "the one before ends cleanly")
    }

    /// Sends a signal to the process of a role.
    func signal(_ number: Int32, _ role: Role) {
        let process = daemon(role).process.processIdentifier
        Foundation.kill(process, number)
        // On a busy machine its threads go on until one of them got the time to take the signal.
        while number == SIGSTOP, Self.runs(process) { usleep(500) }
    }

    /// Whether a thread of it is neither stopped nor gone.
    private static func runs(_ process: Int32) -> Bool {
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task")) ?? []
        return threads.contains { thread in
            let status = try? String(contentsOfFile: "/proc/\(process)/task/\(thread)/status", encoding: .utf8)
            let state = status?.split(separator: "\n").first { $0.hasPrefix("State:") } ?? ""
            return !state.isEmpty && !"TtZX".contains(state.dropFirst("State:\t".count).first ?? "X")
        }
    }

    private func end() {
        for daemon in daemons.withLock({ Array($0.values) }) where daemon.process.isRunning {
            Foundation.kill(daemon.process.processIdentifier, SIGCONT)
            daemon.kill()
        }
    }
}

/// Waits until a condition holds; gives up after 20 s.
func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < deadline {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    throw DaemonFailure(description: "it never came about that \(what)")
}
