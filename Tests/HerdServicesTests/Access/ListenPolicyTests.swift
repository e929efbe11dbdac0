import Foundation
import HerdServices
import Logging
import Testing

/// A herd without credentials listens on its own machine only, and says how to change that.
@Suite struct ListenPolicyTests {
    private static func configuration(_ listen: [String], _ folder: URL) -> HerdConfiguration {
        var configuration = HerdConfiguration()
        configuration.router.listen = listen
        configuration.scorer.listen = listen
        configuration.refiner.listen = listen
        configuration.router.data = folder.appending(path: "router").path
        configuration.scorer.data = folder.appending(path: "scorer").path
        configuration.refiner.data = folder.appending(path: "refiner").path
        return configuration
    }

    private static func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "listen-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }

    private static var quiet: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }

    @Test(arguments: ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "herd.example:0", "127.1:0", "[::ffff:192.0.2.1]:0"])
    func othersAreNotLetIn(address: String) async throws {
        try await Self.withFolder { folder in
            let configuration = Self.configuration(["127.0.0.1:0", address], folder)
            let refiner = try await RefinerProcess(configuration, logger: Self.quiet)
            let error = await #expect(throws: ConfigurationError.self) { try await refiner.start() }
            #expect(error?.description.contains("access.service_credential_file") == true)
            let router = try await RouterProcess(configuration, logger: Self.quiet)
            let refusal = await #expect(throws: ConfigurationError.self) { try await router.start() }
            #expect(refusal?.description.contains("herdd token create") == true)
        }
    }

    @Test(arguments: ["127.0.0.1:0", "127.8.8.8:0", "[::1]:0", "localhost:0"])
    func theOwnMachineIs(address: String) async throws {
        try await Self.withFolder { folder in
            let refiner = try await RefinerProcess(Self.configuration([address], folder), logger: Self.quiet)
            _ = try await refiner.start()
            let task = Task { try await refiner.run() }
            task.cancel()
            _ = try? await task.value
        }
    }

    @Test func aTokenOpensTheDoor() async throws {
        try await Self.withFolder { folder in
            _ = try await OfflineTokens(data: folder.path).create(
                name: "", roles: ["admin"], tenant: "", validMilliseconds: 0)
            let router = try await RouterProcess(Self.configuration(["0.0.0.0:0"], folder), logger: Self.quiet)
            _ = try await router.start()
            let task = Task { try await router.run() }
            task.cancel()
            _ = try? await task.value
        }
    }

    @Test(arguments: ["", "short", "has a space in it, and is long enough", "ümlauts-are-not-ascii-but-long-enough"])
    func badCredentialFilesAreNamed(text: String) async throws {
        try await Self.withFolder { folder in
            let file = folder.appending(path: "secret")
            try Data(text.utf8).write(to: file)
            var configuration = Self.configuration(["127.0.0.1:0"], folder)
            configuration.access.serviceCredentialFile = file.path
            let error = #expect(throws: ConfigurationError.self) { try ProcessCredentials(configuration) }
            #expect(error?.description.contains(file.path) == true)
            #expect(text.isEmpty || error?.description.contains(text) == false)
        }
    }
}
