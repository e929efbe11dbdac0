import Foundation
import Testing

/// Router and scorer in one process, with one model that answers everything, as there is no predictor.
final class ToolHerd: Sendable {
    let folder: URL
    let daemon: Daemon
    /// The router's first address.
    let address: String

    private init(folder: URL, listen: [String]) async throws {
        self.folder = folder
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        daemon = try await Daemon(
            [
                "all", "--data", folder.appending(path: "data").path, "--scorer-listen", "127.0.0.1:0",
                "--refiner-listen", "127.0.0.1:0",
            ]
                + listen.flatMap { ["--listen", $0] }, in: folder)
        address = try #require(daemon.listening["router"]?.first)
    }

    /// Runs a test with a herd that is gone afterwards whatever happens.
    ///
    /// - Parameter listen: what the router listens on; `FOLDER` stands for the herd's folder, whose path is short enough
    ///   for a Unix socket.
    static func with(listen: [String] = ["127.0.0.1:0"], _ body: (ToolHerd) async throws -> Void) async throws {
        let folder = URL(filePath: "/tmp").appending(path: "herd-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let herd = try await ToolHerd(
            folder: folder, listen: listen.map { $0.replacingOccurrences(of: "FOLDER", with: folder.path) })
        defer { if herd.daemon.process.isRunning { herd.daemon.kill() } }
        let added = try await herd.ctl("model", "add", "shepherd", "--free")
        try #require(added.status == 0, "\(added.errors)")
        let set = try await herd.ctl("policy", "set", "default", "--default-model", "shepherd")
        try #require(set.status == 0, "\(set.errors)")
        try await body(herd)
    }

    /// Runs `herdctl` against the router's first address.
    func ctl(
        _ arguments: String..., input: String = ""
    ) async throws -> (status: Int32, output: String, errors: String) {
        try await Programs.run(
            Programs.herdctl, arguments, environment: ["HERD_ADDRESS": address], input: input)
    }
}

/// JSON as the tools print it.
enum PrintedJSON {
    static func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
    }

    /// One object a line; the last line is whole too.
    static func lines(_ text: String) throws -> [[String: Any]] {
        #expect(text.isEmpty || text.hasSuffix("\n"))
        return try text.split(separator: "\n").map { try object(String($0)) }
    }
}
