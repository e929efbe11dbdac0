import Foundation
import HerdClient
import HerdDatasets
import HerdFrames
import HerdMessages
import Testing

/// `herdd`, `herdctl` and `herd-load` as built beside the tests.
enum Programs {
    /// `HERD_PROGRAMS` or, without it, the folder of the test program, which `swift build` puts the programs in as well.
    static let folder =
        ProcessInfo.processInfo.environment["HERD_PROGRAMS"].map { URL(filePath: $0) }
        ?? URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    static let herdd = folder.appending(path: "herdd")
    static let herdctl = folder.appending(path: "herdctl")
    static let herdLoad = folder.appending(path: "herd-load")

    /// Runs a program to its end.
    static func run(
        _ program: URL, _ arguments: [String], environment: [String: String] = [:], input: String = ""
    ) async throws -> (status: Int32, output: String, errors: String) {
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        let (output, errors, standardInput) = (Pipe(), Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = standardInput
        try Blocking.start(process)
        try standardInput.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try standardInput.fileHandleForWriting.close()
        let (outputHandle, errorHandle) = (output.fileHandleForReading, errors.fileHandleForReading)
        async let outputText = Blocking.onThread { Self.text(of: outputHandle) }
        async let errorText = Blocking.onThread { Self.text(of: errorHandle) }
        let texts = await (outputText, errorText)
        await Blocking.onThread { process.waitUntilExit() }
        return (process.terminationStatus, texts.0, texts.1)
    }

    private static func text(of handle: FileHandle) -> String {
        String(decoding: handle.readDataToEndOfFile(), as: UTF8.self)
    }
}

/// One `herdd` process.
final class Daemon: Sendable {
    let process: Process
    /// Service to all that it listens on, as people write it.
    let listening: [String: [String]]
    /// Service to the first address it listens on.
    let addresses: [String: (host: String, port: Int)]

    /// Starts it and returns once everything listens.
    ///
    /// - Parameter environment: added to this process's.
    init(_ arguments: [String], in folder: URL, environment: [String: String] = [:]) async throws {
        let readyFile = folder.appending(path: "ready-\(UUID().uuidString).json")
        process = Process()
        process.executableURL = Programs.herdd
        process.arguments = arguments + ["--ready-file", readyFile.path, "--log-level", "error"]
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        process.standardError = FileHandle.standardError
        try Blocking.start(process)
        let deadline = ContinuousClock.now + .seconds(20)
        while !FileManager.default.fileExists(atPath: readyFile.path) {
            guard process.isRunning, ContinuousClock.now < deadline else {
                throw DaemonFailure(description: "herdd \(arguments) did not get ready")
            }
            try await Task.sleep(for: .milliseconds(2))
        }
        listening = try JSONDecoder().decode([String: [String]].self, from: Data(contentsOf: readyFile))
        addresses = listening.compactMapValues { bound in
            guard let parts = bound.first?.split(separator: ":"), parts.count == 2, let port = Int(parts[1]) else {
                return nil
            }
            return (String(parts[0]), port)
        }
    }

    func address(_ service: String) throws -> String {
        let address = try #require(addresses[service])
        return "\(address.host):\(address.port)"
    }

    func client(_ service: String) throws -> HerdClient {
        let address = try #require(addresses[service])
        return HerdClient(host: address.host, port: address.port)
    }

    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// SIGTERM, and the exit status.
    func terminate() -> Int32 {
        process.terminate()
        process.waitUntilExit()
        return process.terminationStatus
    }
}

struct DaemonFailure: Error, CustomStringConvertible {
    let description: String
}

/// Router and scorer as two processes on one folder; either can be killed and started again on its port.
final class HerdFixture {
    let folder = FileManager.default.temporaryDirectory.appending(path: "herd-it-\(UUID().uuidString)")
    private(set) var scorer: Daemon
    private(set) var router: Daemon

    init() async throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        scorer = try await Daemon(
            ["scorer", "--data", folder.appending(path: "scorer").path, "--listen", "127.0.0.1:0"], in: folder)
        router = try await Daemon(
            [
                "router", "--data", folder.appending(path: "router").path, "--listen", "127.0.0.1:0", "--scorer",
                try scorer.address("scorer"),
            ], in: folder)
    }

    func startScorerAgain() async throws {
        scorer = try await Daemon(
            [
                "scorer", "--data", folder.appending(path: "scorer").path, "--listen", try scorer.address("scorer"),
            ], in: folder)
    }

    func startRouterAgain() async throws {
        router = try await Daemon(
            [
                "router", "--data", folder.appending(path: "router").path, "--listen", try router.address("router"),
                "--scorer", try scorer.address("scorer"),
            ], in: folder)
    }

    /// Registers the demonstration herd, trains on its recordings, and waits until the router follows.
    func teach() async throws {
        let address = ["HERD_ADDRESS": try router.address("router")]
        for arguments in [
            ["model", "add", "--file", ProjectPython.root.appending(path: "Demo/herd.yaml").path],
            ["import", ProjectPython.root.appending(path: "Demo/evaluations.jsonl").path], ["train", "--promote"],
        ] {
            let result = try await Programs.run(Programs.herdctl, arguments, environment: address)
            try #require(result.status == 0, "herdctl \(arguments): \(result.errors)")
        }
        try await waitForState(.serving)
    }

    func waitForState(_ state: HealthResponse.State) async throws {
        let client = try router.client("router")
        defer { client.close() }
        try await eventually("the router is \(state)") {
            try await client.call(Admin.health, HealthRequest()).state == state
        }
    }

    func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        throw DaemonFailure(description: "it never came about that \(what)")
    }

    func end() {
        if router.process.isRunning { router.kill() }
        if scorer.process.isRunning { scorer.kill() }
        try? FileManager.default.removeItem(at: folder)
    }
}

/// Runs a test with router and scorer processes that are gone afterwards whatever happens.
func withHerd(_ body: (HerdFixture) async throws -> Void) async throws {
    let herd = try await HerdFixture()
    defer { herd.end() }
    try await body(herd)
}
