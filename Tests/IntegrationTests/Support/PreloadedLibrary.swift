import Foundation
import Testing

/// A library that changes what a process's system calls do, compiled for this run.
enum PreloadedLibrary {
    /// - Parameters:
    ///   - source: Below the repository's root.
    ///   - folder: Where it is compiled to.
    /// - Returns: For `LD_PRELOAD`.
    static func compile(_ source: String, in folder: URL) throws -> String {
        let source = ProjectPython.root.appending(path: source)
        let name = source.deletingPathExtension().lastPathComponent
        let library = folder.appending(path: "\(name).so").path
        let compiler = Process()
        compiler.executableURL = URL(filePath: "/usr/bin/env")
        compiler.arguments = [
            "cc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", library, source.path, "-ldl",
        ]
        try Blocking.start(compiler)
        compiler.waitUntilExit()
        try #require(compiler.terminationStatus == 0, "\(source.path) does not compile")
        return library
    }
}
