import Foundation
import Testing

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// `Demo/serve.py` serves what it says, and leaves no server behind, however it ends.
@Suite(
    .enabled(
        if: ProjectPython.isInstalled,
        "no Python environment at \(ProjectPython.interpreter.path): run Scripts/install.sh first"))
struct DemoServersTests {
    @Test("servers answer, and end with their parent", .timeLimit(.minutes(1)), arguments: [SIGTERM, SIGKILL])
    func endsWithParent(signal: Int32) async throws {
        let portsFile = FileManager.default.temporaryDirectory.appending(path: "herd-ports-\(UUID()).json")
        defer { try? FileManager.default.removeItem(at: portsFile) }
        let serving = try PythonScript(
            "Demo/serve.py", ["--models", "tiny-copy,tiny-upper", "--ports-file", portsFile.path])
        let printed = await serving.output(through: "ready")
        let urls = try JSONDecoder().decode([String: String].self, from: Data(contentsOf: portsFile))
        #expect(urls.keys.sorted() == ["tiny-copy", "tiny-upper"])
        for (name, url) in urls {
            #expect(printed.contains("\(name) \(url)\n"))
            #expect(try await models(at: url).contains("\"\(name)\""))
        }

        serving.signal(signal)
        // The servers inherit standard error, so it ends when the last of them is gone; the time limit is the deadline.
        #expect(await serving.errors() == "")
        #expect(await serving.status() == (signal == SIGTERM ? 0 : SIGKILL))
        for url in urls.values {
            await #expect(throws: URLError.self) { try await models(at: url) }
        }
    }

    /// The model list of an OpenAI-compatible endpoint, as it comes.
    private func models(at url: String) async throws -> String {
        let (body, _) = try await URLSession.shared.data(from: #require(URL(string: "\(url)/models")))
        return String(decoding: body, as: UTF8.self)
    }
}
