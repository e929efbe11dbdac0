import Foundation

/// A running script of the project. Cancelling whoever waits for it, as a test's time limit does, kills it.
final class PythonScript: Sendable {
    private let process: Process
    private let standardOutput: FileHandle
    private let standardError: FileHandle

    init(_ script: String, _ arguments: [String]) throws {
        let (output, errors) = (Pipe(), Pipe())
        process = Process()
        process.executableURL = ProjectPython.interpreter
        process.arguments = [ProjectPython.root.appending(path: script).path] + arguments
        process.currentDirectoryURL = ProjectPython.root
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        standardOutput = output.fileHandleForReading
        standardError = errors.fileHandleForReading
        try Blocking.start(process)
    }

    deinit { signal(SIGKILL) }

    /// Sends a signal, unless the script has ended.
    func signal(_ number: Int32) {
        if process.isRunning { kill(process.processIdentifier, number) }
    }

    /// What it prints, to the end or through the line `last`.
    func output(through last: String? = nil) async -> String { await text(of: standardOutput, through: last) }

    /// What it and its children complain of; ends when the last of them is gone.
    func errors() async -> String { await text(of: standardError, through: nil) }

    /// Its exit status, or the number of the signal that ended it.
    func status() async -> Int32 {
        await onThread { [process] in
            process.waitUntilExit()
            return process.terminationStatus
        }
    }

    private func text(of handle: FileHandle, through last: String?) async -> String {
        await onThread {
            var bytes = Data()
            while true {
                let more = handle.availableData
                bytes += more
                let text = String(decoding: bytes, as: UTF8.self)
                if more.isEmpty || (last.map { "\n\(text)".hasSuffix("\n\($0)\n") } ?? false) { return text }
            }
        }
    }

    private func onThread<Value: Sendable>(_ wait: @escaping @Sendable () -> Value) async -> Value {
        await withTaskCancellationHandler {
            await Blocking.onThread(wait)
        } onCancel: {
            signal(SIGKILL)
        }
    }
}
