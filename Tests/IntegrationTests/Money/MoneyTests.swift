import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// Money of tokens, in real processes.
@Suite(.serialized, .timeLimit(.minutes(3))) struct MoneyTests {
    @Test(arguments: [UInt32(4), 0])
    func aThousandCallersAtOnceGetExactlyAHundredAnswers(maxTokens: UInt32) async throws {
        try await MoneyHerd.with { money in
            let clients = try (0..<4).map { _ in try money.herd.client(money.secret) }
            defer { for client in clients { client.close() } }
            let outcomes = await withTaskGroup(of: MoneyHerd.Outcome.self) { group in
                for caller in 0..<1_000 {
                    group.addTask { await MoneyHerd.complete(clients[caller % clients.count], maxTokens: maxTokens) }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            var (answered, refused) = (0, 0)
            for outcome in outcomes {
                switch outcome {
                case .answered: answered += 1
                case .refused(let error):
                    refused += 1
                    #expect(error.metadata["retry-after-ms"].flatMap { Int($0) } ?? 0 > 0, "\(error)")
                    #expect(error.message.contains("of the 0.4 of this token's day"), "\(error)")
                case .failed(let error): Issue.record("\(error)")
                }
            }
            #expect(answered == 100 && refused == 900)
            let usage = try #require(try await money.usage())
            #expect(usage.answers == 100 && usage.completionTokens == 400)
            #expect(usage.chargedNanoUsd == MoneyHerd.limit && usage.remainingNanoUsd == 0)
            #expect(usage.reservedNanoUsd == 0 && usage.unsettledNanoUsd == 0)
            // The day is spent: who comes now waits for the next.
            guard case .refused(let spent) = await MoneyHerd.complete(clients[0]) else {
                Issue.record("an answer too many")
                return
            }
            let wait = try #require(spent.metadata["retry-after-ms"].flatMap { Int($0) })
            let midnight = 86_400_000 - Int(Date().timeIntervalSince1970 * 1_000) % 86_400_000
            #expect(abs(wait - midnight) < 30_000)
        }
    }

    @Test func operatorsSeeWhatWasSpent() async throws {
        try await MoneyHerd.with { money in
            let client = try money.herd.client(money.secret)
            defer { client.close() }
            for _ in 0..<3 {
                guard case .answered = await MoneyHerd.complete(client) else {
                    Issue.record("no answer")
                    return
                }
            }
            let usage = try await money.herd.ctl(["usage", "--token", money.id])
            #expect(usage.status == 0, "\(usage.errors)")
            for cell in ["acme", money.id, "0.012", "0.40", "0.388"] {
                #expect(usage.output.contains(cell), "\(usage.output)")
            }
            // As its holder sees it.
            let own = try await money.herd.ctl(["usage", "--json"], token: money.secret)
            #expect(own.status == 0, "\(own.errors)")
            let json = try JSONSerialization.jsonObject(with: Data(own.output.utf8)) as? [String: Any]
            let days = try #require(json?["days"] as? [[String: Any]])
            #expect(days.count == 1)
            #expect("\(days[0]["charged_nano_usd"] ?? "")" == "12000000", "\(own.output)")
            #expect("\(days[0]["remaining_nano_usd"] ?? "")" == "388000000", "\(own.output)")
            let sums = try await money.herd.ctl(["usage", "--by", "token"])
            let rows = sums.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
            #expect(rows.map(\.first) == ["TOKEN", money.id, "ALL"], "\(sums.output)\(sums.errors)")
            #expect(rows.dropFirst().allSatisfy { $0.contains("0.012") }, "\(sums.output)")
            let none = try await money.herd.ctl(["usage", "--unsettled"])
            #expect(none.output == "Nothing is unsettled.\n", "\(none.output)\(none.errors)")
            let limited = try await money.herd.ctl(
                ["token", "limit", money.id, "--usd-per-day", "0.012", "--calls-at-once", "5"])
            #expect(limited.output == "\(money.id): 5 at once, $0.012/day\n", "\(limited.output)\(limited.errors)")
            guard case .refused = await MoneyHerd.complete(client) else {
                Issue.record("an answer too many")
                return
            }
            let list = try await money.herd.ctl(["token", "list"])
            #expect(list.output.contains("5 at once, $0.012/day"), "\(list.output)")
            let made = try await money.herd.ctl([
                "token", "create", "--role", "client", "--calls-per-second", "2.5", "--usd-per-day", "1", "--json",
            ])
            #expect(made.output.contains(#""calls_per_second": 2.5"#), "\(made.output)\(made.errors)")
            for wrong in [
                ["token", "create", "--role", "client", "--usd-per-day", "-1"], ["token", "limit", money.id],
                ["usage", "--days", "7", "--day", "2026-11-22"], ["usage", "--by", "tenant", "--unsettled"],
                ["usage", "--by", "model"],
            ] {
                let refused = try await money.herd.ctl(wrong)
                #expect(refused.status == 64, "\(wrong): \(refused.errors)")
            }
            let day = try await money.herd.ctl(["usage", "--day", "today"])
            #expect(day.status == 64 && day.errors.contains("--day must be a day written YYYY-MM-DD"), "\(day.errors)")
        }
    }

    @Test func questionsOfASuiteGoOnTheAccountOfWhoeverAskedForThem() async throws {
        try await MoneyHerd.with { money in
            let operate = try money.herd.client(money.herd.admin)
            defer { operate.close() }
            let made = try await operate.call(
                Access.createToken, CreateTokenRequest(roles: ["admin"], usdPerDay: 1))
            let id = try #require(made.token?.id)
            let asking = try money.herd.client(made.secret)
            defer { asking.close() }
            let items = (0..<3).map { SuiteItem(id: "\($0)", prompt: "count", task: "t", reference: "one") }
            _ = try await asking.call(Scorer.putSuite, PutSuiteRequest(suite: "s", items: items))
            var request = EvaluateRequest(models: ["priced"], suite: "s", grader: Grader(kind: "exact"))
            request.options = GenerationOptions(maxTokens: 4)
            for try await _ in asking.stream(Scorer.evaluate, request) {}
            let days = try await operate.call(Access.getUsage, GetUsageRequest(token: id)).days
            #expect(days.map(\.answers) == [3] && days.map(\.chargedNanoUsd) == [3 * MoneyHerd.price])
            let all = try await operate.call(Access.getUsage, GetUsageRequest()).days
            #expect(all.count == 1)
        }
    }

    @Test func aBackupOfAHerdThatSpendsHoldsWhatIsSpent() async throws {
        let model = try await ModelServer.scripted("one two three...", "one two three four")
        try await MoneyHerd.with(model: model) { money in
            let client = try money.herd.client(money.secret)
            // An answer that goes on all the time: of what is copied nobody will know how it ended.
            let request = CompleteRequest(
                route: RouteRequest(prompt: "count"), options: GenerationOptions(maxTokens: 4))
            var hanging = client.stream(Router.complete, request).makeAsyncIterator()
            while let event = try await hanging.next() {
                if case .delta? = event.event { break }
            }
            for _ in 0..<10 {
                guard case .answered = await MoneyHerd.complete(client) else {
                    Issue.record("no answer")
                    return
                }
            }
            let backup = money.herd.folder.appending(path: "backup").path
            let herd = money.herd
            let environment = ["HERD_ADDRESS": try herd.daemon.address("router"), "HERD_TOKEN": herd.admin]
            async let copied = Programs.run(Programs.herdctl, ["backup", backup], environment: environment)
            let answered = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<60 {
                    group.addTask { if case .answered = await MoneyHerd.complete(client) { true } else { false } }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(try await copied.status == 0 && answered == 60)
            client.close()
            herd.daemon.kill()
            let data = herd.folder.appending(path: "again/data")
            try FileManager.default.createDirectory(
                at: data.deletingLastPathComponent(), withIntermediateDirectories: false)
            let restored = try await Programs.run(Programs.herdctl, ["restore", backup, data.path])
            #expect(restored.status == 0, "\(restored.errors)")
            try await herd.startAgain(on: data.path)
            let usage = try await money.usage()
            let listed = try await money.unsettled()
            let unsettled = listed.reduce(0) { $0 + $1.nanoUsd }
            let charged = usage?.chargedNanoUsd ?? 0
            // Those from before the backup, and of the others what it has caught.
            #expect(charged >= 11 * MoneyHerd.price && charged <= 71 * MoneyHerd.price)
            #expect(!listed.isEmpty && listed.allSatisfy { $0.nanoUsd == MoneyHerd.price && $0.tenant == "acme" })
            #expect(usage?.unsettledNanoUsd ?? 0 == unsettled && usage?.reservedNanoUsd ?? 0 == 0)
            #expect((usage?.answers ?? 0) * MoneyHerd.price + unsettled == charged)
            #expect(Int64(charged) + (usage?.remainingNanoUsd ?? Int64(MoneyHerd.limit)) == Int64(MoneyHerd.limit))
        }
    }

    @Test func aDiskThatTakesNothingStopsSpendingAndForgetsNothing() async throws {
        let model = try await ModelServer.scripted("one two three four", "one two three...", "one two three four")
        var disk: FaultyDisk?
        try await MoneyHerd.with(model: model) { folder in
            let faulty = try FaultyDisk(folder)
            disk = faulty
            return faulty.environment
        } _: { money in
            let disk = try #require(disk)
            let client = try money.herd.client(money.secret)
            defer { client.close() }
            guard case .answered = await MoneyHerd.complete(client) else {
                Issue.record("no answer")
                return
            }
            let operate = try money.herd.client(money.herd.admin)
            defer { operate.close() }
            let stolen = try await operate.call(Access.createToken, CreateTokenRequest(roles: ["client"]))
            // An answer that has begun when the disk fails, and is taken back.
            let hanging = Task { [client] in
                let request = CompleteRequest(
                    route: RouteRequest(prompt: "count"), options: GenerationOptions(maxTokens: 4))
                for try await event in client.stream(Router.complete, request) {
                    guard case .delta? = event.event else { continue }
                    // While nothing is written: LMDB gives up for good where its last write of a commit fails.
                    try disk.fail("r")
                    break
                }
            }
            try await hanging.value
            guard case .refused(let refused) = await MoneyHerd.complete(client) else {
                Issue.record("an answer that is not paid for")
                return
            }
            #expect(refused.message.contains("disk"), "\(refused)")
            // A token that was stolen can be kept out all the same.
            let revoke = RevokeTokenRequest(id: try #require(stolen.token?.id))
            do {
                _ = try await operate.call(Access.revokeToken, revoke)
                Issue.record("a revocation was stored on a disk that takes nothing")
            } catch let error as CallError {
                #expect(error.message.contains("is revoked until the router starts again"), "\(error)")
            }
            let thief = try money.herd.client(stolen.secret)
            defer { thief.close() }
            guard case .failed(let kept) = await MoneyHerd.complete(thief), kept.code == .unauthenticated else {
                Issue.record("a revoked token got in")
                return
            }
            try disk.mend()
            // Once it takes something, what the broken answer cost is stored, and nothing of the refused one.
            let deadline = ContinuousClock.now + .seconds(20)
            var usage = try await money.usage()
            while usage?.answers != 2, ContinuousClock.now < deadline { usage = try await money.usage() }
            #expect(usage?.answers == 2 && usage?.reservedNanoUsd == 0 && usage?.unsettledNanoUsd == 0)
            let charged = try #require(usage?.chargedNanoUsd)
            #expect(charged > MoneyHerd.price && charged <= 2 * MoneyHerd.price)
            guard case .answered = await MoneyHerd.complete(client) else {
                Issue.record("no answer")
                return
            }
            #expect(try await money.usage()?.chargedNanoUsd == charged + MoneyHerd.price)
        }
    }
}
