import Foundation

/// A `herdd all` that counts allocations and, under Valgrind, the instructions of its event loops, by
/// `Benchmarks/counting/counting.c`.
final class CountedServer: Sendable {
    let port: Int
    private let process: Process
    private let counts: URL
    private let folder: URL
    /// The program that Valgrind runs.
    private let stripped: URL?

    /// Where Valgrind can run the server.
    static let valgrind: URL? = {
        #if arch(x86_64) || arch(arm64)
        let path = "/usr/bin/valgrind"
        return FileManager.default.isExecutableFile(atPath: path) ? URL(filePath: path) : nil
        #else
        return nil
        #endif
    }()

    /// Returns once it listens.
    ///
    /// - Parameters:
    ///   - data: its data folder, with everything it is to know.
    ///   - folder: for what it needs besides.
    init(data: URL, folder: URL) async throws {
        self.folder = folder
        counts = folder.appending(path: "counts")
        let library = try PreloadedLibrary.compile("Benchmarks/counting/counting.c", in: folder)
        let ready = folder.appending(path: "ready.json")
        process = Process()
        process.executableURL = Programs.herdd
        var arguments = [
            "all", "--data", data.path, "--listen", "127.0.0.1:0", "--scorer-listen", "127.0.0.1:0",
            "--refiner-listen", "127.0.0.1:0", "--log-level", "error", "--ready-file", ready.path,
        ]
        var environment = ProcessInfo.processInfo.environment
        // Counted, it takes fifty times as long, and is not to think that too much comes.
        environment["HERD_SERVER_QUEUE_DELAY"] = "0"
        if let valgrind = Self.valgrind {
            // Valgrind 3.19 gives up on the debugging information that swiftc writes. Beside herdd, because it looks for
            // its resources from there.
            let stripped = Programs.folder.appending(path: "herdd-stripped-\(UUID().uuidString)")
            try await Self.run(["strip", "-g", "-o", stripped.path, Programs.herdd.path])
            self.stripped = stripped
            process.executableURL = valgrind
            arguments =
                [
                    "-q", "--tool=callgrind", "--instr-atstart=no", "--collect-atstart=no",
                    "--log-file=\(folder.path)/valgrind.log", "--callgrind-out-file=\(folder.path)/callgrind.out",
                    stripped.path,
                ] + arguments
        } else {
            stripped = nil
        }
        process.arguments = arguments
        process.environment =
            environment
            .merging(["LD_PRELOAD": library, "HERD_COUNTS": counts.path]) { $1 }
        try Blocking.start(process)
        let deadline = ContinuousClock.now + .seconds(60)
        while !FileManager.default.fileExists(atPath: ready.path) {
            guard process.isRunning, ContinuousClock.now < deadline else {
                throw DaemonFailure(description: "the counted herdd did not get ready")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        let listening = try JSONDecoder().decode([String: [String]].self, from: Data(contentsOf: ready))
        guard let port = listening["router"]?.first?.split(separator: ":").last.flatMap({ Int($0) }) else {
            throw DaemonFailure(description: "the counted herdd does not say where it listens")
        }
        self.port = port
    }

    func end() {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
        if let stripped { try? FileManager.default.removeItem(at: stripped) }
    }

    /// Begins another phase of collecting instructions.
    func begin(phase: UInt64) throws {
        let handle = try FileHandle(forWritingTo: counts)
        try handle.seek(toOffset: 8)
        try handle.write(contentsOf: withUnsafeBytes(of: phase.littleEndian) { Data($0) })
        try handle.close()
    }

    /// How many allocations there have been.
    func allocations() throws -> UInt64 {
        try Data(contentsOf: counts).withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
    }

    /// How many instructions were executed in each phase that is over.
    func instructions() throws -> [UInt64: UInt64] {
        var found: [UInt64: UInt64] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path)
        where name.hasPrefix("callgrind.out") {
            let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
            guard let phase = text.firstMatch(of: /phase ([0-9]+)/).flatMap({ UInt64($0.1) }),
                let total = text.firstMatch(of: /(?:totals|summary): ([0-9]+)/).flatMap({ UInt64($0.1) })
            else { continue }
            found[phase] = total
        }
        return found
    }

    private static func run(_ arguments: [String]) async throws {
        let result = try await Programs.run(URL(filePath: "/usr/bin/env"), arguments)
        guard result.status == 0 else { throw DaemonFailure(description: "\(arguments): \(result.errors)") }
    }
}
