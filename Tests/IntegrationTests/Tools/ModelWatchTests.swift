import Foundation
import Testing

/// `herdctl model watch`, read line by line while the herd changes.
@Suite(.serialized, .timeLimit(.minutes(1))) struct ModelWatchTests {
    @Test func aPutAndARemovalArePrintedAsTheyHappen() async throws {
        try await ToolHerd.with { herd in
            let watch = try RunningTool(
                Programs.herdctl, ["model", "watch", "--json", "--timeout", "50", "--address", herd.address])
            let there = try await watch.line { Self.put(in: $0).contains("shepherd") }
            #expect(there != nil, "the herd as it is comes first")

            let added = try await herd.ctl("model", "add", "lamb", "--free")
            #expect(added.status == 0, "\(added.errors)")
            let put = try await watch.line { Self.put(in: $0).contains("lamb") }
            #expect(put != nil)

            let removal = try await herd.ctl("model", "remove", "lamb")
            #expect(removal.status == 0, "\(removal.errors)")
            let removed = try await watch.line { ($0["removed"] as? [String])?.contains("lamb") == true }
            #expect(removed != nil)

            herd.daemon.process.terminate()
            let status = await watch.status()
            #expect(status == 69, "the router's end ends it")
        }
    }

    private static func put(in event: [String: Any]) -> [String] {
        (event["put"] as? [[String: Any]] ?? []).compactMap { $0["name"] as? String }
    }
}

/// A program that goes on while its lines are read; killed when it is let go of, or when the test's time is up.
private final class RunningTool {
    private let process = Process()
    private let output: FileHandle
    private var unread = Data()

    init(_ program: URL, _ arguments: [String]) throws {
        let pipe = Pipe()
        output = pipe.fileHandleForReading
        process.executableURL = program
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try Blocking.start(process)
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    /// Whether a line of JSON comes that is one to wait for; earlier ones are passed over. Nil at the end of the output.
    func line(where isWanted: ([String: Any]) throws -> Bool) async throws -> String? {
        while true {
            while let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                let text = String(decoding: unread[..<end], as: UTF8.self)
                unread = Data(unread[(end + 1)...])
                if try isWanted(PrintedJSON.object(text)) { return text }
            }
            let more = await waiting { [output] in output.availableData }
            if more.isEmpty { return nil }
            unread += more
        }
    }

    func status() async -> Int32 {
        await waiting { [process] in
            process.waitUntilExit()
            return process.terminationStatus
        }
    }

    private func waiting<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        let number = process.processIdentifier
        return await withTaskCancellationHandler {
            await Blocking.onThread(body)
        } onCancel: {
            kill(number, SIGKILL)
        }
    }
}
