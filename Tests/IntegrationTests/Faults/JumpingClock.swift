import Foundation
import Testing

/// A library that sets the wall clock of a process while it runs.
struct JumpingClock {
    let environment: [String: String]
    private let offset: URL

    /// - Parameter folder: where it is compiled to.
    init(in folder: URL) throws {
        let source = ProjectPython.root.appending(path: "Tests/Support/Preload/set_clock.c")
        let library = folder.appending(path: "set_clock.so")
        offset = folder.appending(path: "offset")
        try Data(count: 8).write(to: offset)
        let compiler = Process()
        compiler.executableURL = URL(filePath: "/usr/bin/env")
        compiler.arguments = [
            "cc", "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", library.path, source.path,
        ]
        try Blocking.start(compiler)
        compiler.waitUntilExit()
        try #require(compiler.terminationStatus == 0)
        environment = ["LD_PRELOAD": library.path, "HERD_CLOCK_OFFSET": offset.path]
    }

    /// Sets the clock to so many seconds off the true time.
    func set(_ seconds: Int64) throws {
        // In place: the process has the page mapped.
        let file = try FileHandle(forWritingTo: offset)
        try file.write(contentsOf: withUnsafeBytes(of: seconds) { Data($0) })
        try file.close()
    }
}
