import Foundation
import HerdBackends
import Logging
import Testing

/// `Tests/Interop/faulty_server.py`, one for all suites of a run.
final class FaultyServer: Sendable {
    private struct Greeting: Decodable {
        var ports: [String: Int]
        var ca: String
        var folder: String
    }

    struct Figures: Decodable {
        /// Completions that were asked for, by the name of the behaviour; checks as `fine/health`.
        var requests: [String: Int]
        /// Completions that are being answered.
        var open: [String: Int]
        var sent_bytes: [String: Int]
    }

    private let process: ServerProcess
    private let greeting: Greeting

    private static let started = Task {
        try await FaultyServer()
    }

    static var shared: FaultyServer {
        get async throws { try await started.value }
    }

    private init() async throws {
        process = try await ServerProcess.start(
            "/usr/bin/env", ["python3", ServerProcess.root.appending(path: "Tests/Interop/faulty_server.py").path])
        greeting = try JSONDecoder().decode(Greeting.self, from: Data(process.firstLine.utf8))
    }

    /// The folder with the CA's certificate, for `secretsDirectory`.
    var folder: String { greeting.folder }
    /// Its file there.
    var ca: String { greeting.ca }

    func port(_ name: String) throws -> Int { try #require(greeting.ports[name]) }

    /// An endpoint that behaves as named; `host` where the name of the server matters.
    func endpoint(
        _ behaviour: String, port: String = "plain", scheme: String = "http", host: String = "127.0.0.1",
        _ change: (inout EndpointConfiguration) -> Void = { _ in }
    ) throws -> EndpointConfiguration {
        var endpoint = EndpointConfiguration(
            baseURL: "\(scheme)://\(host):\(try self.port(port))/\(behaviour)/v1", modelName: "a-model")
        change(&endpoint)
        return endpoint
    }

    func figures() async throws -> Figures {
        try JSONDecoder().decode(Figures.self, from: try await ask("GET", "_figures"))
    }

    func set(_ name: String, _ value: String) async throws {
        _ = try await ask("PUT", "_state/\(name)/\(value)")
    }

    private func ask(_ method: String, _ path: String) async throws -> Data {
        // Another test sets a proxy in the environment that leads nowhere.
        try await Command.run(
            "curl",
            ["-s", "-S", "--noproxy", "*", "-X", method, "http://127.0.0.1:\(try port("plain"))/\(path)"])
    }
}

/// Programs that a test needs the output of.
enum Command {
    static func run(_ program: String, _ arguments: [String]) async throws -> Data {
        let result: Result<Data, any Error> = await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    returning: Result {
                        let process = Process()
                        process.executableURL = URL(filePath: "/usr/bin/env")
                        process.arguments = [program] + arguments
                        let output = Pipe()
                        process.standardOutput = output
                        try process.run()
                        let data = output.fileHandleForReading.readDataToEndOfFile()
                        process.waitUntilExit()
                        guard process.terminationStatus == 0 else {
                            throw ServerProcess.Failed(
                                description: "\(program) \(arguments) ended with \(process.terminationStatus)")
                        }
                        return data
                    })
            }
        }
        return try result.get()
    }
}
