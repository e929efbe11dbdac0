import Foundation

/// A library from `Preload`, compiled for this run, that changes what a child process's system calls do.
struct PreloadedLibrary {
    let path: String

    /// A sanitizer stands in for system calls itself, and does not get on with a second one.
    static let isPossible = dlsym(nil, "__tsan_init") == nil && dlsym(nil, "__asan_init") == nil

    /// - Throws: what the compiler says.
    init(_ name: String, in folder: TemporaryFolder) throws {
        let source = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Preload/\(name).c")
        path = "\(folder.path)/\(name).so"
        let compiler = Process()
        compiler.executableURL = URL(filePath: "/usr/bin/env")
        compiler.arguments = ["cc", "-shared", "-fPIC", "-O1", "-o", path, source.path, "-ldl", "-lpthread"]
        let errors = Pipe()
        compiler.standardError = errors
        try compiler.run()
        let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        compiler.waitUntilExit()
        guard compiler.terminationStatus == 0 else { throw Failure(description: "cc \(source.path): \(text)") }
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }
}

/// Numbers that the make targets of the long runs set: `make kill-loop ROUNDS=100 SEED=7`.
enum Run {
    static func count(_ variable: String, else standard: Int) -> Int {
        ProcessInfo.processInfo.environment[variable].flatMap { Int($0) } ?? standard
    }

    /// The seed that was asked for, else a new one; printed, so that a failure can be repeated.
    static func seed(_ test: String = #function) -> UInt64 {
        guard let text = ProcessInfo.processInfo.environment["HERD_SEED"], let seed = UInt64(text) else {
            return printedSeed(test)
        }
        print("\(test): seed \(seed)")
        return seed
    }
}
