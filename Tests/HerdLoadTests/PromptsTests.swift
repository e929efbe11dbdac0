import Foundation
import HerdLoad
import Testing

@Suite("Files of prompts")
struct PromptsTests {
    private func read(_ content: [UInt8]) throws -> [String] {
        let file = FileManager.default.temporaryDirectory.appending(path: "prompts-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(content).write(to: file)
        return try Prompts.read(file.path)
    }

    @Test("hold a prompt a line, as text or in JSON")
    func lines() throws {
        let text = "one\n\n  \n{\"id\": 1, \"prompt\": \"two\\nlines\"}\nthree"
        #expect(try read(Array(text.utf8)) == ["one", "two\nlines", "three"])
    }

    @Test(
        "are refused with the line that is wrong",
        arguments: [
            ("", "holds no prompt"), ("a\n{\"promt\": 1}", "line 2: a string \"prompt\" is missing"),
            ("{\"prompt\": 1}", "line 1"), ("{", "line 1: not valid JSON"),
        ])
    func failures(text: String, reason: String) throws {
        do {
            _ = try read(Array(text.utf8))
            Issue.record("it was read")
        } catch let failure as LoadFailure {
            #expect(failure.message.contains(reason) && failure.exitCode == 65, "\(failure.message)")
        }
    }

    @Test("that are missing, folders, or not UTF-8")
    func unreadable() throws {
        for (path, code) in [("/nonexistent", Int32(66)), ("/", 74)] {
            do {
                _ = try Prompts.read(path)
                Issue.record("\(path) was read")
            } catch {
                #expect(error.exitCode == code)
            }
        }
        #expect(throws: LoadFailure.self) { try read([0x61, 0x0A, 0xFF]) }
    }
}
