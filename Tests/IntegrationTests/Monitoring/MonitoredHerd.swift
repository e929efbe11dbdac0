import Foundation
import HerdClient
import HerdMessages
import Testing

/// A `herdd all` with its three HTTP ports on ports of their own.
final class MonitoredHerd {
    let folder: URL
    let daemon: Daemon

    static let ports = [
        "--listen", "127.0.0.1:0", "--scorer-listen", "127.0.0.1:0", "--refiner-listen", "127.0.0.1:0",
        "--http-listen", "127.0.0.1:0", "--scorer-http-listen", "127.0.0.1:0", "--refiner-http-listen", "127.0.0.1:0",
    ]

    init(_ arguments: [String] = [], environment: [String: String] = [:]) async throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "herd-monitored-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        daemon = try await Daemon(
            ["all", "--data", folder.appending(path: "data").path] + Self.ports + arguments, in: folder,
            environment: environment)
    }

    /// A GET of a service's HTTP port.
    func get(_ path: String, of service: String) async throws -> (status: Int, body: String) {
        let address = try #require(daemon.addresses["\(service)-http"])
        return try await Self.get("http://\(address.host):\(address.port)\(path)")
    }

    static func get(_ url: String) async throws -> (status: Int, body: String) {
        let result = try await Programs.run(
            URL(filePath: "/usr/bin/env"), ["curl", "-sS", "--max-time", "20", "-w", "\n%{http_code}", url])
        let end = try #require(result.output.lastIndex(of: "\n"), "\(result.errors)")
        let status = try #require(Int(result.output[result.output.index(after: end)...]))
        return (status, String(result.output[..<end]))
    }

    func metrics(of service: String) async throws -> PrometheusText {
        let answer = try await get("/metrics", of: service)
        #expect(answer.status == 200)
        return try PrometheusText(answer.body)
    }

    func end() {
        if daemon.process.isRunning { daemon.kill() }
        try? FileManager.default.removeItem(at: folder)
    }
}
