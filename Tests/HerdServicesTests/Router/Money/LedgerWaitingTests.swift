import HerdFrames
import HerdMessages
import HerdServices
import HerdStore
import NIOCore
import Testing

/// Answers that wait for money which others under way may leave.
@Suite struct LedgerWaitingTests {
    private let payer = LedgerTests.payer

    /// More is set aside for an answer than it costs: those for whom too little is left meanwhile come after it.
    @Test func aThousandWhoWaitForEachOtherGetAllThatTheyCanPay() async throws {
        let fixture = LedgerTests.Fixture()
        let store = try fixture.store()
        let ledger = try fixture.ledger(store)
        let price = LedgerTests.limit / 100
        let granted = await LedgerTests.answers(ofAThousandAt: price, ledger) { caller throws(CallError) in
            let most = UInt64(1 + caller % 9) * price
            return try await ledger.reserve(
                payer, model: "m", least: price, most: most, until: .now() + .seconds(20))
        }
        #expect(granted == 100)
        let row = try await LedgerTests.row(ledger)
        #expect(row.chargedNanoUsd == LedgerTests.limit && row.reservedNanoUsd == 0 && row.answers == 100)
        #expect(ledger.sums.refused == 900)
        await store.close()
    }

    @Test func whoWaitsForMoneyDoesSoInTurnAndNotForEver() async throws {
        let fixture = LedgerTests.Fixture()
        let store = try fixture.store()
        let ledger = try fixture.ledger(store, usdPerDay: 1)
        let hold = try #require(try ledger.reserve(payer, model: "m", least: 900_000_000, most: 900_000_000))
        @Sendable func wait(_ nano: UInt64, _ seconds: Int64) async -> CallError? {
            do throws(CallError) {
                let until = NIODeadline.now() + .seconds(seconds)
                let hold = try await ledger.reserve(payer, model: "m", least: nano, most: nano, until: until)
                ledger.settle(hold, of: payer, cost: nano, answers: 1, promptTokens: 1, completionTokens: 1)
                return nil
            } catch {
                return error
            }
        }
        // Its time is over, or its caller is gone.
        #expect(await wait(200_000_000, -1)?.message.contains("under way") == true)
        #expect(await wait(200_000_000, 0)?.metadata["retry-after-ms"] == "1000")
        let gone = Task { await wait(200_000_000, 20) }
        gone.cancel()
        #expect(await gone.value?.code == .cancelled)
        #expect(ledger.sums.refused == 2)
        // What fits is not held up by what does not, and what will never fit is told at once.
        async let large = wait(800_000_000, 20)
        #expect(await wait(100_000_000, 20) == nil)
        #expect(await wait(1_000_000_001, 20)?.metadata["retry-after-ms"] == nil)
        ledger.settle(hold, of: payer, cost: 50_000_000, answers: 1, promptTokens: 1, completionTokens: 1)
        #expect(await large == nil)
        // For 0.1 dollars nothing can become free any more.
        #expect(await wait(100_000_000, 20)?.message.contains("next day") == true)
        // The next day is for those first who wait; who has waited long enough looks once more.
        let late = try #require(try ledger.reserve(payer, model: "m", least: 50_000_000, most: 50_000_000))
        async let early = wait(20_000_000, 20)
        while ledger.waitingForMoney == 0 { await Task.yield() }
        async let short = wait(30_000_000, 1)
        while ledger.waitingForMoney == 1 { await Task.yield() }
        fixture.set(day: LedgerTests.day + 1)
        let failures = await (short, early)
        #expect(failures.0 == nil && failures.1 == nil)
        ledger.settle(late, of: payer, cost: 50_000_000, answers: 1, promptTokens: 1, completionTokens: 1)
        await store.close()
    }
}
