import Foundation

/// The project's Python environment, which `Scripts/install.sh` makes.
enum ProjectPython {
    /// The repository's root: the first folder above this file that holds Package.swift.
    static let root: URL = {
        var folder = URL(filePath: #filePath).deletingLastPathComponent()
        let isRoot = { (folder: URL) in
            FileManager.default.fileExists(atPath: folder.appending(path: "Package.swift").path)
        }
        while folder.path != "/", !isRoot(folder) { folder.deleteLastPathComponent() }
        return folder
    }()

    /// `HERD_PYTHON` or, without it, `.venv` in the root.
    static let interpreter: URL =
        ProcessInfo.processInfo.environment["HERD_PYTHON"].map { URL(filePath: $0) }
        ?? root.appending(path: ".venv/bin/python")

    static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: interpreter.path) }

    /// What a script left behind: its exit status, or the signal that ended it, and all that it printed.
    struct Finished: Sendable {
        var status: Int32
        var output: String
        var errors: String
    }

    /// Runs a script, a path below the root, to its end.
    ///
    /// Both pipes are read side by side, so that neither fills up and blocks the script.
    static func run(_ script: String, _ arguments: [String]) async throws -> Finished {
        let script = try PythonScript(script, arguments)
        async let output = script.output()
        async let errors = script.errors()
        return await Finished(status: script.status(), output: output, errors: errors)
    }
}
