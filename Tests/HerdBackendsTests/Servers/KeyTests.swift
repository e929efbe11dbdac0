import Foundation
import HerdBackends
import Testing

/// Keys: read at use, sent, and told to nobody.
@Suite("Keys", .serialized)
struct KeyTests {
    private static let key = "sk-herd-0123456789abcdef"

    private static func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "herd-keys-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: folder.appending(path: "secrets/inner"), withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }

    private static func headers(_ pool: BackendPool) async throws -> [String: String] {
        let text = try await pool.ask("m", "x").text
        let json = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        return try #require(json?["headers"] as? [String: String])
    }

    @Test("From a file, read again when it has changed; nothing else is sent than has to be")
    func file() async throws {
        let server = try await FaultyServer.shared
        try await Self.withFolder { folder in
            let file = folder.appending(path: "secrets/inner/key")
            try Data("\(Self.key)\r\n".utf8).write(to: file)
            let endpoint = try server.endpoint("echo") { $0.apiKeyFile = "inner/key" }
            try await withPool([("m", [endpoint])], secrets: folder.appending(path: "secrets").path) { pool in
                let headers = try await Self.headers(pool)
                #expect(headers["Authorization"] == "Bearer \(Self.key)")
                #expect(headers["User-Agent"] == "herd")
                #expect(headers["Content-Type"] == "application/json")
                #expect(
                    Set(headers.keys) == [
                        "Authorization", "User-Agent", "Content-Type", "Host", "Accept", "Content-Length",
                    ])
                try Data("another-key".utf8).write(to: file)
                try await eventually("the new key is sent") {
                    let later = try await Self.headers(pool)
                    return later["Authorization"] == "Bearer another-key"
                }
            }
        }
    }

    @Test("From the environment")
    func environment() async throws {
        let server = try await FaultyServer.shared
        setenv("HERD_KEY_TEST", Self.key, 1)
        // Nor does a proxy of the environment get to see it.
        setenv("http_proxy", "http://127.0.0.1:1", 1)
        defer {
            unsetenv("HERD_KEY_TEST")
            unsetenv("http_proxy")
        }
        try await withPool([("m", [try server.endpoint("echo") { $0.apiKeyEnv = "HERD_KEY_TEST" }])]) { pool in
            let headers = try await Self.headers(pool)
            #expect(headers["Authorization"] == "Bearer \(Self.key)")
        }
    }

    @Test("A server that quotes the key does not get it into the message")
    func quoted() async throws {
        let server = try await FaultyServer.shared
        setenv("HERD_KEY_QUOTED", Self.key, 1)
        defer { unsetenv("HERD_KEY_QUOTED") }
        let endpoint = try server.endpoint("refusing") { $0.apiKeyEnv = "HERD_KEY_QUOTED" }
        try await withPool([("m", [endpoint])]) { pool in
            let error = try await #require(throws: BackendError.self) { _ = try await pool.ask("m", "x") }
            #expect(error.kind == .badRequest(status: 401))
            let told = "\(error) \(String(reflecting: error)) \(pool.status()) \(endpoint)"
            #expect(error.message.contains("Bearer (key)"), "\(error.message)")
            for start in 0..<Self.key.count - 6 {
                #expect(!told.contains(Self.key.dropFirst(start).prefix(6)))
            }
        }
    }

    @Test("What is no key, or lies elsewhere, is refused and not quoted")
    func refused() async throws {
        let server = try await FaultyServer.shared
        try await Self.withFolder { folder in
            let secrets = folder.appending(path: "secrets")
            func write(_ name: String, _ text: String) throws {
                try Data(text.utf8).write(to: folder.appending(path: name))
            }
            try write("outside", Self.key)
            try write("secrets/split", "\(Self.key)\nX-Evil: 1")
            try write("secrets/empty", "\n")
            try write("secrets/long", String(repeating: "k", count: 8193))
            try FileManager.default.createSymbolicLink(
                at: secrets.appending(path: "escape"), withDestinationURL: folder.appending(path: "outside"))
            try FileManager.default.createSymbolicLink(
                atPath: secrets.appending(path: "inside").path, withDestinationPath: "inner/real")
            try write("secrets/inner/real", Self.key)
            #expect(mkfifo(secrets.appending(path: "pipe").path, 0o600) == 0)

            let wrong = [
                "split": "characters that no key has", "empty": "is empty", "long": "over 8192 bytes",
                "escape": "not under the secrets directory", "missing": "is not there", "inner": "no regular file",
                "pipe": "no regular file", folder.appending(path: "outside").path: "not under the secrets directory",
            ]
            for (path, says) in wrong {
                let endpoint = try server.endpoint("echo") { $0.apiKeyFile = path }
                try await withPool([("m", [endpoint])], secrets: secrets.path) { pool in
                    let error = try await #require(throws: BackendError.self) { _ = try await pool.ask("m", "x") }
                    #expect(error.kind == .missingKey)
                    #expect(error.message.contains(says), "\(path): \(error.message)")
                    #expect(!error.message.contains(Self.key))
                }
            }
            for path in ["inside", secrets.appending(path: "inner/real").path] {
                let endpoint = try server.endpoint("echo") { $0.apiKeyFile = path }
                try await withPool([("m", [endpoint])], secrets: secrets.path) { pool in
                    let headers = try await Self.headers(pool)
                    #expect(headers["Authorization"] == "Bearer \(Self.key)")
                }
            }
            // Without the directory there are no files, and an endpoint without its key is passed over.
            let endpoints = [
                try server.endpoint("echo") { $0.apiKeyFile = "inside" },
                try server.endpoint("echo") { $0.apiKeyEnv = "HERD_KEY_THAT_IS_NOT_SET" }, try server.endpoint("fine"),
            ]
            try await withPool([("m", endpoints)]) { pool in
                let answer = try await pool.ask("m", "x")
                #expect(answer.outcome?.attempts.map(\.failure) == [.missingKey, .missingKey, nil])
                #expect(pool.status().models[0].endpoints.allSatisfy { $0.breaker == .closed })
            }
        }
    }
}
