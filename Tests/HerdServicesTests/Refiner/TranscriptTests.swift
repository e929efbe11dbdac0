import Foundation
import HerdFrames
import HerdMessages
import HerdServices
import HerdStore
import Testing

/// Transcripts: bounded, expiring, deletable, and whole after a restart.
struct TranscriptTests {
    private static let unbounded = TranscriptTable.Limits(maxBytes: 1 << 30, maxEntries: 1_000, lifetimeMs: 0)

    @Test("a finished transcript can be read at once, and after the store was opened again")
    func reading() async throws {
        try await Self.withFolder { folder in
            var id = ""
            try await Self.withTable(in: folder) { table in
                id = try Self.write(table, text: "one")
                #expect(try await Self.steps(id, in: table) == ["prompt: Why?", "draft: one", "final: one"])
            }
            try await Self.withTable(in: folder) { table in
                #expect(try await Self.steps(id, in: table) == ["prompt: Why?", "draft: one", "final: one"])
                let other = try Self.write(table, text: "two")
                #expect(other > id)
                let list = try await table.list(nil, tenant: "", nowMs: 0)
                #expect(list.transcripts.map(\.transcriptId) == [other, id] && list.next == "")
                #expect(list.transcripts[0].stoppedBecause == "rounds" && list.transcripts[0].model == "small")
            }
        }
    }

    @Test("waiting for a disk that is slow ends in time")
    func slowDisk() async throws {
        try await Self.withFolder { folder in
            let store = try StoreEnvironment(path: folder.path, tables: TranscriptTable.tables)
            let table = try await TranscriptTable(store: store, limits: Self.unbounded)
            let writer = TranscriptWriter(table, tenant: "")
            let mayWrite = DispatchSemaphore(value: 0)
            store.enqueue { _ in mayWrite.wait() }
            #expect(await !writer.isKept(within: .milliseconds(20)))
            #expect(await !writer.isKept(within: .seconds(-1)))
            mayWrite.signal()
            #expect(await writer.isKept(within: .seconds(60)))
            await store.close()
        }
    }

    @Test("what a refinement that was killed had done stays")
    func broken() async throws {
        try await Self.withFolder { folder in
            try await Self.withTable(in: folder) { table in
                let id = try Self.write(table, text: "one", ends: false)
                #expect(try await Self.steps(id, in: table) == ["prompt: Why?", "draft: one"])
                #expect(try await table.list(nil, tenant: "", nowMs: 0).transcripts[0].stoppedBecause == "")
            }
        }
    }

    @Test("pages are of the size asked for, newest first")
    func pages() async throws {
        try await Self.withFolder { folder in
            try await Self.withTable(in: folder) { table in
                let ids = try (0..<7).map { try Self.write(table, text: "\($0)") }
                var found: [String] = []
                var token = ""
                repeat {
                    let page = try await table.list(Page(size: 3, token: token), tenant: "", nowMs: 0)
                    #expect(page.transcripts.count <= 3)
                    found += page.transcripts.map(\.transcriptId)
                    token = page.next
                } while !token.isEmpty
                #expect(found == ids.reversed())
                await expectFailure(.invalidArgument) {
                    _ = try await table.list(Page(token: "?"), tenant: "", nowMs: 0)
                }
            }
        }
    }

    @Test("of too many the oldest go first, steps and all; also of too many bytes")
    func bounds() async throws {
        try await Self.withFolder { folder in
            var limits = Self.unbounded
            limits.maxEntries = 3
            try await Self.withTable(in: folder, limits) { table in
                let ids = try (0..<8).map { try Self.write(table, text: "\($0)") }
                let list = try await table.list(nil, tenant: "", nowMs: 0)
                #expect(list.transcripts.map(\.transcriptId) == ids.suffix(3).reversed())
                await expectFailure(.notFound) { _ = try await Self.steps(ids[0], in: table) }
                #expect(try table.stepCount == 9)
            }
            limits = Self.unbounded
            limits.maxBytes = 1 << 20
            try await Self.withTable(in: folder, limits) { table in
                let long = String(repeating: "x", count: 200_000)
                let ids = try (0..<10).map { _ in try Self.write(table, text: long) }
                let list = try await table.list(nil, tenant: "", nowMs: 0)
                #expect((1...5).contains(list.transcripts.count))
                #expect(list.transcripts.first?.transcriptId == ids.last)
            }
        }
    }

    @Test("expired ones are gone at once, and swept away")
    func expiry() async throws {
        try await Self.withFolder { folder in
            var limits = Self.unbounded
            limits.lifetimeMs = 60_000
            try await Self.withTable(in: folder, limits) { table in
                let id = try Self.write(table, text: "one")
                let list = try await table.list(nil, tenant: "", nowMs: 0)
                let expiry = try #require(list.transcripts.first).expiresUnixMs
                #expect(try await table.sweep(nowMs: expiry - 1) == expiry)
                #expect(try await table.list(nil, tenant: "", nowMs: expiry).transcripts == [])
                await expectFailure(.notFound) { _ = try await Self.steps(id, in: table, nowMs: expiry) }
                #expect(table.count == 1)
                #expect(try await table.sweep(nowMs: expiry) == nil)
                #expect(try table.count == 0 && table.stepCount == 0)
            }
        }
    }

    @Test("deleting twice is no error; what comes of a deleted one is dropped; tenants see their own")
    func deleting() async throws {
        try await Self.withFolder { folder in
            try await Self.withTable(in: folder) { table in
                let id = try Self.write(table, text: "one", tenant: "a")
                await expectFailure(.notFound) { _ = try await Self.steps(id, in: table, tenant: "b") }
                #expect(try await table.list(nil, tenant: "b", nowMs: 0).transcripts == [])
                try await table.delete(id, tenant: "b")
                #expect(try await Self.steps(id, in: table, tenant: "a").count == 3)
                try await table.delete(id, tenant: "a")
                try await table.delete(id, tenant: "a")
                await expectFailure(.notFound) { _ = try await Self.steps(id, in: table) }
                await expectFailure(.invalidArgument) { try await table.delete("17", tenant: "") }

                let writer = TranscriptWriter(table, tenant: "")
                writer.begin(try Self.plan())
                try await table.delete(writer.id, tenant: "")
                writer.end(RefinementResult(text: "late"))
                #expect(try await table.list(nil, tenant: "", nowMs: 0).transcripts == [])
                #expect(try table.stepCount == 0)
            }
        }
    }

    // MARK: - Support

    private static func plan() throws -> RefinementPlan {
        try RefinementPlan(RefinementRequest(prompt: "Why?", model: "small", rounds: 1))
    }

    /// Writes a transcript of a draft; its id.
    private static func write(
        _ table: TranscriptTable, text: String, tenant: String = "", ends: Bool = true
    ) throws -> String {
        let writer = TranscriptWriter(table, tenant: tenant)
        writer.begin(try plan())
        writer.add(.draft, round: 0, text: text, finished: RefinementStep(model: "small"))
        if ends { writer.end(RefinementResult(text: text, stoppedBecause: "rounds")) }
        return writer.id
    }

    private static func steps(
        _ id: String, in table: TranscriptTable, tenant: String = "", nowMs: UInt64 = 0
    ) async throws -> [String] {
        var steps: [String] = []
        try await table.get(id, tenant: tenant, nowMs: nowMs) { step in
            steps.append("\(step.step): \(step.result?.text ?? step.text)")
        }
        return steps
    }

    private static func withTable(
        in folder: URL, _ limits: TranscriptTable.Limits = unbounded, _ body: (TranscriptTable) async throws -> Void
    ) async throws {
        let store = try StoreEnvironment(path: folder.path, tables: TranscriptTable.tables)
        do {
            try await body(TranscriptTable(store: store, limits: limits))
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    private static func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "herd-transcripts-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }
}
