import HerdFrames
import HerdMessages
import HerdServices
import HerdStore
import Testing

/// Reports of what was used.
extension LedgerTests {
    @Test func theTenantsOfATokenShareItsDay() async throws {
        let fixture = Fixture()
        let store = try fixture.store()
        let ledger = try fixture.ledger(store, usdPerDay: 1)
        for (tenant, cost) in [("a", UInt64(300_000_000)), ("b", 500_000_000)] {
            let payer = Payer(token: "token", tenant: tenant)
            let hold = try #require(try ledger.reserve(payer, model: "m", least: cost, most: cost))
            #expect(await hold.stored() == nil)
            ledger.settle(hold, of: payer, cost: cost, answers: 1, promptTokens: 1, completionTokens: 1)
        }
        let open = try #require(
            try ledger.reserve(Payer(token: "token", tenant: "b"), model: "m", least: 1, most: 150_000_000))
        #expect(await open.stored() == nil)
        let days = try await ledger.usage(GetUsageRequest()).days
        #expect(days.map(\.tenant) == ["a", "b"] && days.map(\.chargedNanoUsd) == [300_000_000, 650_000_000])
        #expect(days.map(\.reservedNanoUsd) == [0, 150_000_000])
        #expect(days.map(\.remainingNanoUsd) == [50_000_000, 50_000_000])
        #expect(try await ledger.usage(GetUsageRequest(tenant: "a")).days.map(\.remainingNanoUsd) == [50_000_000])
        await store.close()
    }

    /// One token's rows are sought among everybody's, and its pages go on where they ended.
    @Test func aTokensDaysAreAmongThoseOfOthers() async throws {
        let fixture = Fixture()
        let store = try fixture.store()
        let ledger = try fixture.ledger(store)
        // The second day is without it.
        let tokens = [["a", "token", "z"], ["a", "z"], ["token", "token2"], ["toke", "token"]]
        for (offset, names) in tokens.enumerated() {
            fixture.set(day: Self.day + UInt64(offset))
            for token in names {
                for tenant in ["x", "y"] {
                    ledger.settle(
                        nil, of: Payer(token: token, tenant: tenant), cost: 7, answers: 1, promptTokens: 1,
                        completionTokens: 1)
                }
            }
            #expect(await ledger.flush() == nil)
        }
        for size in 1...7 {
            var found: [String] = []
            var next = ""
            repeat {
                let page = try await ledger.usage(
                    GetUsageRequest(page: Page(size: UInt32(size), token: next), token: "token"))
                #expect(page.days.allSatisfy { $0.token == "token" } && page.days.count <= size)
                found += page.days.map { "\($0.day) \($0.tenant)" }
                next = page.next
            } while !next.isEmpty
            #expect(
                found
                    == [
                        "2024-10-04 x", "2024-10-04 y", "2024-10-06 x", "2024-10-06 y", "2024-10-07 x", "2024-10-07 y",
                    ], "pages of \(size)")
        }
        let some = GetUsageRequest(tenant: "y", token: "token", firstDay: "2024-10-05", lastDay: "2024-10-06")
        #expect(try await ledger.usage(some).days.map(\.day) == ["2024-10-06"])
        #expect(try await ledger.usage(GetUsageRequest(token: "nobody")).days.isEmpty)
        for unsettled in [false, true] {
            await expectFailure(.invalidArgument) {
                _ = try await ledger.usage(
                    GetUsageRequest(firstDay: "2024-10-06", lastDay: "2024-10-05", unsettled: unsettled))
            }
        }
        #expect(try await ledger.usage(GetUsageRequest()).days.count == 18)
        // Whoever took the call back reads nothing.
        let taken = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await ledger.usage(GetUsageRequest(token: "token"))
        }
        taken.cancel()
        await expectFailure(.cancelled) { _ = try await taken.value }
        await store.close()
    }
}
