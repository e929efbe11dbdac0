import HerdClient
import HerdFrames
import HerdMessages
import HerdServices
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
                    "Registry/PutModel one OK",
                ])
            #expect(entries.allSatisfy { $0.actor == admin && $0.actorName == "first" && $0.peer == "127.0.0.1" })
            #expect(zip(entries, entries.dropFirst()).allSatisfy { $0.number > $1.number })
            #expect(!"\(entries)".contains(made.secret.split(separator: "_")[2]))
        }
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
            #expect(subjects == (0..<7).reversed().map { "m\($0)" })
            await expectFailure(.invalidArgument) {
                _ = try await operate.call(Access.listAudit, ListAuditRequest(page: Page(token: "x")))
            }
        }
    }
}
