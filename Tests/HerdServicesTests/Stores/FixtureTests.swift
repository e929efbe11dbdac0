import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import HerdServices
import HerdStore
import Logging
import Testing

/// Stores that earlier versions of the program wrote (`Scripts/store/fixture.sh`): this one opens them, brings them up to
/// its schema, and reads everything.
@Suite struct FixtureTests {
    @Test(arguments: [1, 2]) func everyEarlierSchemaIsReadWhole(schema: Int) async throws {
        let fixture = try Fixture(schema: schema)
        defer { fixture.remove() }
        let herd = try await TestHerd.start(in: fixture.folder)
        do {
            let models = try await herd.call(Registry.listModels, ListModelsRequest())
            #expect(models.models.map(\.name) == fixture.models)
            #expect(models.models.allSatisfy { $0.parametersB > 0 && $0.revision > 0 })
            let policy = try await herd.call(Registry.getPolicy, GetPolicyRequest(name: "default")).policy
            #expect(policy?.goals?.goals == [Goal(name: "cost", lambda: 100)] && policy?.promptFlags == true)
            let predictors = try await herd.call(Scorer.listPredictors, ListPredictorsRequest()).predictors
            #expect(predictors.count == 1 && predictors[0].inForce && predictors[0].note == "a fixture")
            #expect(predictors[0].damaged.isEmpty)
            let decision = try await herd.call(Router.getDecision, GetDecisionRequest(decisionId: fixture.decision))
            #expect(decision.decision?.outcomes.map(\.outcome) == [0.75])
            let again = try await herd.call(Scorer.import, ImportRequest(evaluations: fixture.evaluations))
            #expect(again.unchanged == again.total && again.total == UInt64(fixture.evaluations.count))
            // The prediction is in the cache of the fixture, whose keys had no numbers.
            #expect(try await herd.route("reverse lantern").cached)
            #expect(try await !herd.route("reverse lantern and oak").cached)
            for service in [herd.router, herd.scorer] {
                #expect(try await herd.status(service).figures["store_schema"] == Double(ServiceStore.schemaVersion))
            }
        } catch {
            try await herd.stop()
            throw error
        }
        try await herd.stop()
        let restarted = try await TestHerd.start(in: fixture.folder)
        for prompt in ["reverse lantern", "reverse lantern and oak"] {
            #expect(try await restarted.route(prompt).cached, "\(prompt)")
        }
        try await restarted.stop()
        for service in ["router", "scorer"] {
            let store = fixture.folder.appending(path: service).path
            let report = try StoreVerification.run(store, check: { _, _, _ in nil }, progress: { _, _ in })
            #expect(report.isSound && report.kind == service && report.schemaVersion == ServiceStore.schemaVersion)
        }
    }

    @Test(arguments: [1, 2]) func aServiceRefusesTheFolderOfAnother(schema: Int) async throws {
        let fixture = try Fixture(schema: schema)
        defer { fixture.remove() }
        var configuration = HerdConfiguration()
        configuration.router.data = fixture.folder.appending(path: "scorer").path
        configuration.scorer.data = fixture.folder.appending(path: "router").path
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        for _ in 0..<2 {
            await expectForeign { _ = try await RouterProcess(configuration, logger: logger) }
            await expectForeign { _ = try ScorerProcess(configuration, logger: logger) }
        }
        // The refusals changed nothing.
        let herd = try await TestHerd.start(in: fixture.folder)
        #expect(try await herd.status(herd.router).figures["models"] == 7)
        try await herd.stop()
    }

    /// A program that knows no tokens would let in everybody.
    @Test(arguments: [1, 2]) func aProgramWithoutTokensRefusesAStoreThatMayHoldThem(schema: Int) async throws {
        let fixture = try Fixture(schema: schema)
        defer { fixture.remove() }
        let made = try await OfflineTokens(data: fixture.folder.path).create(
            name: "first", roles: ["admin"], tenant: "", validMilliseconds: 0)
        let store = fixture.folder.appending(path: "router").path
        let before = try Data(contentsOf: fixture.folder.appending(path: "router/data.mdb"))
        for known in 1..<ServiceStore.schemaVersion {
            var options = StoreOptions()
            options.kind = "router"
            options.schemaVersion = known
            options.logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            do throws(StoreError) {
                let opened = try StoreEnvironment(path: store, tables: [], options: options)
                await opened.close()
                Issue.record("a program of schema \(known) opened it")
            } catch {
                #expect(error.code == .schemaTooNew && error.message.contains("newer program"), "\(error)")
            }
        }
        #expect(try Data(contentsOf: fixture.folder.appending(path: "router/data.mdb")) == before)
        // What was there before is there, behind the token.
        var configuration = HerdConfiguration()
        configuration.router.data = store
        configuration.router.listen = ["127.0.0.1:0"]
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let router = try await RouterProcess(configuration, logger: logger)
        let address = try #require(try await router.start().first)
        let serving = Task { try await router.run() }
        for (secret, expected) in [(made.secret, StatusCode.ok), ("", .unauthenticated)] {
            var client = ClientConfiguration()
            client.authorization = secret.isEmpty ? "" : "Bearer \(secret)"
            client.retryWindow = .zero
            let herd = HerdClient(address: address, configuration: client)
            defer { herd.close() }
            #expect(await code(of: Registry.listModels.path, with: herd) == expected)
        }
        serving.cancel()
        _ = try? await serving.value
    }

    private func expectForeign(_ body: () async throws -> Void) async {
        do {
            try await body()
            Issue.record("a foreign folder was opened")
        } catch let error as StoreError {
            #expect(error.code == .foreign && error.message.contains("folder of its own"), "\(error)")
        } catch {
            Issue.record("\(error)")
        }
    }
}

/// A copy of a fixture, as a data folder.
struct Fixture {
    let folder: URL
    /// A decision that is in it, with one outcome.
    let decision: String
    /// The evaluations that are in it: some of the demonstration's of that time.
    let evaluations: [Evaluation]

    /// The models that are in it, by name.
    var models: [String] { Set(evaluations.flatMap(\.scores.keys)).sorted() }

    init(schema: Int) throws {
        let source = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/schema-\(schema)")
        folder = FileManager.default.temporaryDirectory.appending(path: "herd-fixture-\(UUID().uuidString)")
        decision = try String(contentsOf: source.appending(path: "decision"), encoding: .utf8)
            .trimmingCharacters(in: .newlines)
        evaluations = try Demonstration.evaluations(at: source.appending(path: "evaluations.jsonl"))
        for service in ["router", "scorer"] {
            let store = folder.appending(path: service)
            try FileManager.default.createDirectory(at: store, withIntermediateDirectories: true)
            let file = store.appending(path: "data.mdb")
            _ = FileManager.default.createFile(atPath: file.path, contents: nil)
            let gzip = Process()
            gzip.executableURL = URL(filePath: "/usr/bin/env")
            gzip.arguments = ["gzip", "-dc", source.appending(path: "\(service).mdb.gz").path]
            gzip.standardOutput = try FileHandle(forWritingTo: file)
            try gzip.run()
            gzip.waitUntilExit()
            try #require(gzip.terminationStatus == 0)
        }
    }

    func remove() {
        try? FileManager.default.removeItem(at: folder)
    }
}
