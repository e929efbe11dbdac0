import Foundation
import Testing

/// A server that speaks for a model, as a process of its own, which ends with its standard input and so never outlives the
/// test.
final class ModelServer: Sendable {
    /// The first line that it printed.
    let greeting: String
    private let running: Running

    private struct Running: @unchecked Sendable {
        // Started before and ended after it is shared; in between only its id is read.
        let process: Process
        let input: Pipe
    }

    /// llama.cpp with one of the demonstration's models.
    ///
    /// - Parameter endless: Answers may outgrow the context; else they end there, after less than half a second.
    static func llama(
        _ model: String, slots: Int = 4, context: Int = 256, endless: Bool = false
    ) async throws -> ModelServer {
        try await start(
            ProjectPython.interpreter,
            [
                ProjectPython.root.appending(path: "Demo/tiny_herd/serve_one.py").path, model,
                ProjectPython.root.appending(path: "Demo/models/gguf/\(model).gguf").path, "--slots", "\(slots)",
                "--context", "\(context)",
            ] + (endless ? ["--endless"] : []))
    }

    /// The server that misbehaves as the first part of the path says.
    static func faulty() async throws -> ModelServer {
        try await start(
            ProjectPython.interpreter, [ProjectPython.root.appending(path: "Tests/Interop/faulty_server.py").path])
    }

    /// A server that answers its requests with these words, in order, and the last of them ever after.
    static func scripted(_ replies: String...) async throws -> ModelServer {
        try await start(
            ProjectPython.interpreter,
            [ProjectPython.root.appending(path: "Tests/Interop/scripted_model.py").path] + replies)
    }

    private static func start(_ program: URL, _ arguments: [String]) async throws -> ModelServer {
        let result: Result<ModelServer, any Error> = await Blocking.onThread {
            Result { try ModelServer(program, arguments) }
        }
        return try result.get()
    }

    private init(_ program: URL, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try Blocking.start(process)
        var line = Data()
        while line.last != UInt8(ascii: "\n"), let byte = try output.fileHandleForReading.read(upToCount: 1),
            !byte.isEmpty
        {
            line += byte
        }
        guard line.last == UInt8(ascii: "\n") else {
            process.terminate()
            throw DaemonFailure(description: "\(arguments) did not start; what it said stands above")
        }
        greeting = String(decoding: line.dropLast(), as: UTF8.self)
        running = Running(process: process, input: input)
    }

    func kill() { _ = Foundation.kill(running.process.processIdentifier, SIGKILL) }

    deinit {
        try? running.input.fileHandleForWriting.close()
        Foundation.kill(running.process.processIdentifier, SIGKILL)
        running.process.waitUntilExit()
    }

    // MARK: - Where it is

    /// Of llama.cpp and the scripted server: the API's base URL.
    var baseURL: String { greeting + "/v1" }

    /// Of the faulty server: the base URL under which it behaves so.
    func behaving(_ behaviour: String, port: String = "plain", scheme: String = "http") throws -> String {
        "\(scheme)://127.0.0.1:\(try #require(faulty.ports[port]))/\(behaviour)/v1"
    }

    /// Of the faulty server: the folder with its CA's certificate, ca.pem.
    var folder: String { get throws { try faulty.folder } }

    private struct Faulty: Decodable {
        var ports: [String: Int]
        var folder: String
    }

    private var faulty: Faulty { get throws { try JSONDecoder().decode(Faulty.self, from: Data(greeting.utf8)) } }

    /// Of llama.cpp: how many slots work on an answer. Blocks.
    func busySlots() throws -> Int {
        let slots = try JSONSerialization.jsonObject(with: Data(contentsOf: #require(URL(string: greeting + "/slots"))))
        return try #require(slots as? [[String: Any]]).count { $0["is_processing"] as? Bool == true }
    }
}
