import Foundation

/// Where things are in this repository, and how to run its scripts.
enum Repository {
    /// The folder with Package.swift.
    static let root: URL = {
        var folder = URL(filePath: #filePath).deletingLastPathComponent()
        while !FileManager.default.fileExists(atPath: folder.appending(path: "Package.swift").path) {
            folder.deleteLastPathComponent()
        }
        return folder
    }()

    /// The Python with Google's protobuf: `$HERD_PYTHON`, or the one of `Scripts/install.sh`, or the system's.
    static let python: String = {
        if let given = ProcessInfo.processInfo.environment["HERD_PYTHON"] { return given }
        let own = root.appending(path: ".venv/bin/python").path
        return FileManager.default.isExecutableFile(atPath: own) ? own : "python3"
    }()

    /// Whether that Python can import protobuf.
    static let pythonHasProtobuf = (try? run(python, ["-c", "import google.protobuf"])) != nil

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Runs a command to its end and returns what it printed.
    @discardableResult
    static func run(_ command: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [command] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let printed = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let call = "\(command) \(arguments.joined(separator: " "))"
            throw Failure(description: "\(call) ended with status \(process.terminationStatus): \(printed)")
        }
        return printed
    }

    /// Hands a new folder to the closure and removes it afterwards.
    static func withTemporaryFolder<R>(_ body: (URL) throws -> R) throws -> R {
        let folder = FileManager.default.temporaryDirectory.appending(path: "herd-messages-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder)
    }
}
