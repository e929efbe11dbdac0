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

    @Test func variablesThatLookLikeKeysAreFound() {
        let known: Set = ["router.listen", "router.backends.connect_timeout", "tls.key_file"]
        let right = ["HERD_ROUTER_LISTEN", "HERD_ROUTER_BACKENDS_CONNECT_TIMEOUT", "HERD_TLS_KEY_FILE"]
        let others = ["PATH", "HERD_TOKEN", "HERD_TLS", "HERD_SERVER_NAME", "HERDD", "herd_tls_x"]
        #expect(HerdConfiguration.strays(right + others, known: known).isEmpty)
        let wrong = ["HERD_ROUTER_LISTN", "HERD_TLS_CERT_FILE", "HERD_TLS_"]
        #expect(HerdConfiguration.strays(wrong + right, known: known) == wrong.sorted())
    }

    @Test func aRoutersFolderIsWhereATokenWasMadeForIt() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "herd-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        func data() async throws -> String { try await load("router:\n  data: \(folder.path)\n").router.data }
        #expect(try await data() == folder.path)
        _ = try await OfflineTokens(data: folder.path).create(
            name: "", roles: ["admin"], tenant: "", validMilliseconds: 0)
        #expect(try await data() == folder.path + "/router")
        // What is the router's own stays that.
        try FileManager.default.copyItem(
            at: folder.appending(path: "router/data.mdb"), to: folder.appending(path: "data.mdb"))
        #expect(try await data() == folder.path)
        #expect(OfflineTokens(data: folder.path).storePath == folder.path)
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
