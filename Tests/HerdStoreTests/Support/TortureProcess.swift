import Foundation
import Testing

/// A run of `store-torture`, which lies beside the test program.
final class TortureProcess {
    enum End: Equatable { case exited(Int32), signalled(Int32) }

    private let process = Process()
    private let output = Pipe()
    private let input = Pipe()
    private var buffered = Data()

    /// - Parameter environment: added to this process's.
    init(_ arguments: [String], environment: [String: String] = [:]) throws {
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        process.executableURL = URL(filePath: program).deletingLastPathComponent().appending(path: "store-torture")
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        process.standardOutput = output
        process.standardInput = input
        try process.run()
    }

    deinit {
        if process.isRunning { kill() }
    }

    var identifier: Int32 { process.processIdentifier }

    /// The next line of its output; nil at the end. A line that the end cut short is not given.
    func nextLine() throws -> String? {
        while true {
            if let newline = buffered.firstIndex(of: 10) {
                let line = String(decoding: buffered[..<newline], as: UTF8.self)
                buffered = Data(buffered[(newline + 1)...])
                return line
            }
            let more = output.fileHandleForReading.availableData
            if more.isEmpty { return nil }
            buffered.append(more)
        }
    }

    func allLines() throws -> [String] {
        var lines: [String] = []
        while let line = try nextLine() { lines.append(line) }
        return lines
    }

    /// Gives it a line of input.
    func send(_ line: String) throws {
        try input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8))
    }

    func kill() {
        _ = Foundation.kill(process.processIdentifier, SIGKILL)
    }

    @discardableResult
    func waitForEnd() -> End {
        process.waitUntilExit()
        return process.terminationReason == .exit
            ? .exited(process.terminationStatus) : .signalled(process.terminationStatus)
    }
}
