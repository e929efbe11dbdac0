import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import HerdServices
import Logging
import Synchronization
import Testing

/// What operators do is kept, with who did it and how it ended, and nothing that is secret.
@Suite struct AuditTests {
    @Test func whatIsDoneIsKept() async throws {
        try await withGuardedHerd { herd in
            let operate = try herd.client(herd.admin)
            defer { operate.close() }
            _ = try await operate.call(Registry.putModel, PutModelRequest(model: Model(name: "one", free: true)))
            await expectFailure(.notFound) {
                _ = try await operate.call(Registry.removeModel, RemoveModelRequest(name: "two"))
            }
            let made = try await operate.call(
                Access.createToken, CreateTokenRequest(name: "billing", roles: ["client"], tenant: "acme"))
            let user = try herd.client(made.secret)
            defer { user.close() }
            await expectFailure(.permissionDenied) {
                _ = try await user.call(Registry.removeModel, RemoveModelRequest(name: "one"))
            }
            _ = try await operate.call(Registry.listModels, ListModelsRequest())
            _ = try await operate.call(Scorer.import, ImportRequest())
            _ = try await operate.call(Access.revokeToken, RevokeTokenRequest(id: try #require(made.token?.id)))
            let admin = herd.admin.split(separator: "_")[1]
            var entries: [AuditEntry] = []
            let deadline = ContinuousClock.now + .seconds(10)
            repeat {
                entries = try await operate.call(Access.listAudit, ListAuditRequest()).entries
                await Task.yield()
            } while !entries.allSatisfy(\.ended) && ContinuousClock.now < deadline
            let told = entries.map { "\($0.method.dropFirst(8)) \($0.subject) \(StatusCode(rawValue: $0.code))" }
            #expect(
                told == [
                    "Access/RevokeToken \(made.token?.id ?? "") OK", "Scorer/Import 0 evaluations OK",
                    "Access/CreateToken client for acme: billing OK", "Registry/RemoveModel two NOT_FOUND",
                    "Registry/PutModel one OK", "Access/CreateToken admin: first OK",
                ])
            // The last one was made while no router ran.
            #expect(entries.last?.actor == "herdd" && entries.last?.actorName == "" && entries.last?.peer == "")
            #expect(
                entries.dropLast().allSatisfy {
                    $0.actor == admin && $0.actorName == "first" && $0.peer == "127.0.0.1"
                })
            #expect(zip(entries, entries.dropFirst()).allSatisfy { $0.number > $1.number })
            for secret in [made.secret, herd.admin] {
                #expect(!"\(entries)".contains(secret.split(separator: "_")[2]))
            }
        }
    }

    /// What does not come through the router is in no audit log.
    @Test func aServiceBehindTheRouterLogsWhatIsDoneToIt() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "operated-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        var configuration = HerdConfiguration()
        configuration.refiner.listen = ["127.0.0.1:0"]
        configuration.refiner.data = folder.path
        let lines = OperationLines()
        let logger = Logger(label: "test") { _ in OperationKeeper(lines: lines) }
        let refiner = try await RefinerProcess(configuration, logger: logger)
        let address = try #require(try await refiner.start().first)
        let serving = Task { try await refiner.run() }
        let client = HerdClient(address: address, configuration: ClientConfiguration())
        _ = try? await client.call(Refiner.deleteTranscript, DeleteTranscriptRequest(transcriptId: "nothing"))
        _ = try? await client.call(Refiner.listTranscripts, ListTranscriptsRequest())
        client.close()
        serving.cancel()
        _ = try? await serving.value
        let told = lines.all.withLock { $0 }
        #expect(told.count == 1)
        #expect(told.first?["method"] == "herd.v1.Refiner/DeleteTranscript")
        #expect(told.first?["subject"] == "nothing" && told.first?["peer"] == "127.0.0.1")
    }

    @Test func itIsReadInPages() async throws {
        try await withGuardedHerd { herd in
            let operate = try herd.client(herd.admin)
            defer { operate.close() }
            for number in 0..<7 {
                _ = try await operate.call(
                    Registry.putModel, PutModelRequest(model: Model(name: "m\(number)", free: true)))
            }
            var subjects: [String] = []
            var next = ""
            repeat {
                let page = try await operate.call(Access.listAudit, ListAuditRequest(page: Page(size: 3, token: next)))
                subjects += page.entries.map(\.subject)
                next = page.next
            } while !next.isEmpty
            #expect(subjects == (0..<7).reversed().map { "m\($0)" } + ["admin: first"])
            await expectFailure(.invalidArgument) {
                _ = try await operate.call(Access.listAudit, ListAuditRequest(page: Page(token: "x")))
            }
        }
    }
}

/// Keeps what a log says of operations.
private struct OperationKeeper: LogHandler {
    let lines: OperationLines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.notice

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        guard "\(event.message)" == "operated" else { return }
        lines.all.withLock { $0.append(event.metadata ?? [:]) }
    }
}

private final class OperationLines: Sendable {
    let all = Mutex<[Logger.Metadata]>([])
}
