import Foundation
import Glibc
import HerdServices
import Testing

/// Lines for readers that are slow.
@Suite(.timeLimit(.minutes(1))) struct LineOutputTests {
    /// A pipe whose ends are closed when the test is over.
    private final class LinePipe {
        let reading: Int32
        let writing: Int32

        init() throws {
            var ends: [Int32] = [-1, -1]
            let status = pipe(&ends)
            try #require(status == 0)
            (reading, writing) = (ends[0], ends[1])
        }

        deinit {
            close(writing)
            close(reading)
        }

        /// All that comes up to and with a line that begins so; that line is short.
        func lines(untilOneWith prefix: String) throws -> [Substring] {
            var text: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                let end = String(decoding: text.suffix(64), as: UTF8.self)
                if end.hasSuffix("\n"), end.split(separator: "\n").last?.hasPrefix(prefix) == true { break }
                let count = read(reading, &chunk, chunk.count)
                try #require(count > 0)
                text += chunk[..<count]
            }
            return String(decoding: text, as: UTF8.self).split(separator: "\n")
        }
    }

    private static func output(_ pipe: LinePipe) -> LineOutput {
        LineOutput(descriptor: pipe.writing) { "dropped \($0)\n" }
    }

    @Test func `nobody waits for a reader that is stuck, and what was dropped is told`() throws {
        let pipe = try LinePipe()
        let output = Self.output(pipe)
        let rest = String(repeating: "x", count: 1_000)
        let count = 3_000
        let time = ContinuousClock().measure {
            for number in 0..<count { output.add("\(number) \(rest)\n") }
        }
        #expect(time < .seconds(20))
        #expect(!output.flush(for: .milliseconds(10)))
        let lines = try pipe.lines(untilOneWith: "dropped")
        let dropped = try #require(lines.last?.split(separator: " ").last.flatMap { Int($0) })
        let whole = lines.dropLast()
        #expect(whole.count + dropped == count)
        // What the queue holds, and the pipe.
        #expect((900...1_200).contains(whole.count))
        #expect(whole.enumerated().allSatisfy { $1 == "\($0) \(rest)" })
        #expect(output.flush(for: .seconds(20)))
        output.add("after\n")
        #expect(try pipe.lines(untilOneWith: "after") == ["after"])
        #expect(output.flush(for: .seconds(20)))
    }

    @Test func `what a process ends with finds room`() throws {
        let pipe = try LinePipe()
        let output = Self.output(pipe)
        for _ in 0..<2_000 { output.add(String(repeating: "x", count: 1_000) + "\n") }
        output.add("the end\n", isLast: true)
        let lines = try pipe.lines(untilOneWith: "the end")
        #expect(lines.dropLast().last?.hasPrefix("dropped") == true)
        #expect(output.flush(for: .seconds(20)))
    }

    @Test func `a line that is written in pieces stays whole`() throws {
        let pipe = try LinePipe()
        let status = fcntl(pipe.writing, F_SETFL, O_NONBLOCK)
        try #require(status == 0)
        let output = Self.output(pipe)
        let long = String(repeating: "0123456789", count: 50_000)
        output.add(long + "\n")
        output.add("short\n")
        let lines = try pipe.lines(untilOneWith: "short")
        #expect(lines.count == 2 && lines.first == long[...])
        #expect(output.flush(for: .seconds(20)))
    }

    @Test func `a file has its lines at once`() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "herd-lines-\(UUID().uuidString)").path
        try #require(FileManager.default.createFile(atPath: path, contents: nil))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = try #require(FileHandle(forWritingAtPath: path))
        let output = LineOutput(descriptor: file.fileDescriptor) { "dropped \($0)\n" }
        for number in 0..<3 { output.add("\(number)\n") }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "0\n1\n2\n")
        #expect(output.flush(for: .zero))
        try file.close()
    }
}
