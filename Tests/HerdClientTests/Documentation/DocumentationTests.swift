import Foundation
import HerdClient
import HerdFrames
import ServiceLifecycle
import Testing

/// What the documentation shows is what is compiled here.
@Suite struct DocumentationTests {
    private static let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    private static let root = tests.deletingLastPathComponent().deletingLastPathComponent()

    @Test(arguments: ["README.md", "Sources/HerdClient/HerdClient.docc/HerdClient.md"])
    func `every Swift example of the documentation is part of a file of these tests`(path: String) throws {
        let examples = try FileManager.default.contentsOfDirectory(
            at: Self.tests.appending(path: "Documentation"), includingPropertiesForKeys: nil)
        let sources = try (examples + [Self.tests.appending(path: "ReadmeExample.swift")])
            .map { try String(contentsOf: $0, encoding: .utf8) }
        let text = try String(contentsOf: Self.root.appending(path: path), encoding: .utf8)
        let blocks = text.components(separatedBy: "\n```swift\n").dropFirst().map {
            $0.components(separatedBy: "\n```\n")[0]
        }
        #expect(!blocks.isEmpty)
        for block in blocks {
            // A comment may stand between the imports and the rest.
            let parts = block.hasPrefix("import ") ? block.components(separatedBy: "\n\nfunc ") : [block]
            for part in parts {
                #expect(sources.contains { $0.contains(part) }, "\(path) shows what is not compiled:\n\(part)")
            }
        }
    }

    @Test func `as a service it runs until its group shuts down, after those that call`() async throws {
        try await withServers(1) { servers in
            let client = HerdClient(endpoints: [servers[0].address])
            let group = ServiceGroup(
                configuration: .init(services: [.init(service: HerdService(client: client))], logger: quietLogger))
            async let run: Void = group.run()
            #expect(try await client.isServing())
            await group.triggerGracefulShutdown()
            try await run
            #expect(await client.routeError()?.code == .cancelled)
        }
    }
}
