import Foundation
import Synchronization

/// A program of this repository that serves until its standard input ends, so that it never outlives the test.
final class ServerProcess: Sendable {
    struct Failed: Error, CustomStringConvertible {
        var description: String
    }

    let process: ProcessHandle
    /// The first line that it printed.
    let firstLine: String

    /// `Process` behind a lock.
    struct ProcessHandle: @unchecked Sendable {
        // `@unchecked`: started before and ended after it is shared; in between only its id is read.
        let process: Process
        let input: Pipe
    }

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// The Python that has llama.cpp's server; nil where `Scripts/install.sh` has not run.
    static let python: String? = {
        let path = ProcessInfo.processInfo.environment["HERD_PYTHON"] ?? root.appending(path: ".venv/bin/python").path
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()

    /// Starts it and waits, on a thread of its own, for its first line.
    static func start(_ program: String, _ arguments: [String], environment: [String: String] = [:]) async throws
        -> ServerProcess
    {
        let result: Result<ServerProcess, any Error> = await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    returning: Result { try ServerProcess(program, arguments, environment: environment) })
            }
        }
        return try result.get()
    }

    private init(_ program: String, _ arguments: [String], environment: [String: String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let input = Pipe()
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        var line = ""
        while !line.hasSuffix("\n"), let byte = try output.fileHandleForReading.read(upToCount: 1), !byte.isEmpty {
            line += String(decoding: byte, as: UTF8.self)
        }
        guard line.hasSuffix("\n") else {
            process.terminate()
            throw Failed(description: "\(arguments.first ?? program) did not start; what it said stands above")
        }
        firstLine = String(line.dropLast())
        self.process = ProcessHandle(process: process, input: input)
    }

    var identifier: Int32 { process.process.processIdentifier }

    func kill() { _ = Glibc.kill(identifier, SIGKILL) }

    deinit {
        try? process.input.fileHandleForWriting.close()
        Glibc.kill(identifier, SIGKILL)
        process.process.waitUntilExit()
    }

    // MARK: - llama.cpp

    /// llama.cpp with one of the demonstration's models; its API is at `firstLine` + "/v1".
    ///
    /// - Parameter endless: Answers may outgrow the context; else they end there, after less than half a second.
    static func llama(
        _ model: String = "tiny-upper", slots: Int = 4, endless: Bool = false
    ) async throws -> ServerProcess {
        guard let python else { throw Failed(description: "no Python with llama.cpp; run Scripts/install.sh") }
        return try await start(
            python,
            [
                root.appending(path: "Demo/tiny_herd/serve_one.py").path, model,
                root.appending(path: "Demo/models/gguf/\(model).gguf").path, "--slots", "\(slots)", "--context", "256",
            ] + (endless ? ["--endless"] : []))
    }
}
