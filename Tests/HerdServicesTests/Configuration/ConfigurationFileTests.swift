import Foundation
import HerdServices
import Testing

@Suite struct ConfigurationFileTests {
    private func load(_ text: String) async throws -> HerdConfiguration {
        let file = FileManager.default.temporaryDirectory.appending(path: "herdd-\(UUID().uuidString).yaml")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try await HerdConfiguration.load(file: file.path, flags: ConfigurationFlags())
    }

    @Test(
        "What is commented out keeps its default",
        arguments: ["", "# nothing\n", "---\n", "scorer:\n", "scorer: ~\nrouter:\n  # data: x\n", "log: null\n"])
    func emptySections(text: String) async throws {
        #expect(try await load(text) == HerdConfiguration())
    }

    @Test(
        "A file that means something else is refused by the name of its key",
        arguments: [
            ("scorrer:\n", "unknown key 'scorrer'"), ("scorer: \"\"\n", "unknown key 'scorer'"),
            ("scorer:\n  dat: x\n", "is 'scorer.data' meant?"),
            ("router:\n  listen: []\n", "router.listen is an empty"),
            ("scorer:\n  listen: []\n", "scorer.listen is an empty"), ("- 1\n", "can't be read"),
        ])
    func refused(text: String, reason: String) async throws {
        do {
            _ = try await load(text)
            Issue.record("\(text) was taken")
        } catch let error as ConfigurationError {
            #expect(error.description.contains(reason), "\(error)")
        }
    }

    @Test(.timeLimit(.minutes(1))) func aFewLinesThatStandForMillionsAreRefused() async throws {
        let lines = (1..<30).map { "a\($0): &a\($0) {x: *a\($0 - 1), y: *a\($0 - 1)}" }
        do {
            _ = try await load("a0: &a0 {x: 1}\n" + lines.joined(separator: "\n"))
            Issue.record("aliases of aliases were taken")
        } catch let error as ConfigurationError {
            #expect(error.description.contains("over 10000 values"), "\(error)")
        }
    }
}
