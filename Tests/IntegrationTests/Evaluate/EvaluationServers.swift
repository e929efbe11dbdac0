import Foundation
import Testing

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Real llama.cpp servers with tiny models, each behind a proxy that keeps book of what it was asked.
final class EvaluationServers {
    struct Call: Codable, Hashable {
        var model: String
        var prompt: String
        /// Nil where the caller left before the end.
        var answer: String?
    }

    static let models = ["tiny-copy", "tiny-upper"]

    private let serving: PythonScript
    private let proxy: Process
    private let proxyInput = Pipe()
    private let port: Int

    init() async throws {
        let portsFile = FileManager.default.temporaryDirectory.appending(path: "herd-ports-\(UUID()).json")
        serving = try PythonScript(
            "Demo/serve.py", ["--models", Self.models.joined(separator: ","), "--ports-file", portsFile.path])
        _ = await serving.output(through: "ready")
        let urls = try JSONDecoder().decode([String: String].self, from: Data(contentsOf: portsFile))
        proxy = Process()
        proxy.executableURL = ProjectPython.interpreter
        proxy.arguments =
            [ProjectPython.root.appending(path: "Tests/Interop/counting_proxy.py").path]
            + urls.map { "\($0.key)=\($0.value)" }
        let output = Pipe()
        proxy.standardOutput = output
        proxy.standardInput = proxyInput
        try Blocking.start(proxy)
        let handle = output.fileHandleForReading
        let line = await Blocking.onThread { handle.availableData }
        port = try #require(Int(String(decoding: line, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    func url(of model: String) -> String { "http://127.0.0.1:\(port)/\(model)/v1" }

    /// Every completion that was begun so far.
    func book() async throws -> [Call] {
        let url = try #require(URL(string: "http://127.0.0.1:\(port)/_book"))
        return try JSONDecoder().decode([Call].self, from: try await URLSession.shared.data(from: url).0)
    }

    func stop() async {
        try? proxyInput.fileHandleForWriting.close()
        let proxy = proxy
        await Blocking.onThread { proxy.waitUntilExit() }
        serving.signal(SIGTERM)
        _ = await serving.status()
    }
}

/// `herdd all` on a folder, killed and started again on it.
final class EvaluationHerd {
    let folder = URL(filePath: "/tmp").appending(path: "herd-\(UUID().uuidString)")
    private(set) var daemon: Daemon

    init(_ servers: EvaluationServers) async throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        daemon = try await Self.start(in: folder)
        for model in EvaluationServers.models {
            let endpoint = "\(servers.url(of: model)),concurrency=2"
            let added = try await ctl(
                "model", "add", model, "--free", "--memory-gb", "0.001", "--endpoint", endpoint)
            try #require(added.status == 0, "\(added.errors)")
        }
    }

    private static func start(in folder: URL) async throws -> Daemon {
        try await Daemon(
            [
                "all", "--data", folder.appending(path: "data").path, "--listen", "127.0.0.1:0", "--scorer-listen",
                "127.0.0.1:0", "--refiner-listen", "127.0.0.1:0",
            ], in: folder)
    }

    func killAndStartAgain() async throws {
        daemon.kill()
        daemon = try await Self.start(in: folder)
    }

    func ctl(_ arguments: String...) async throws -> (status: Int32, output: String, errors: String) {
        try await Programs.run(
            Programs.herdctl, arguments, environment: ["HERD_ADDRESS": try daemon.address("router")])
    }

    func end() {
        if daemon.process.isRunning { daemon.kill() }
        try? FileManager.default.removeItem(at: folder)
    }
}
