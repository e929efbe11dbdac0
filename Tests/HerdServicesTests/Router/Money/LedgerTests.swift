import Foundation
import HerdFrames
import HerdMessages
import HerdServices
import HerdStore
import Logging
import Synchronization
import Testing

/// The ledger on a real store, which is left as it is at any moment and opened again.
@Suite struct LedgerTests {
    static let payer = Payer(token: "token", tenant: "acme")
    static let day: UInt64 = 20_000
    static let limit: UInt64 = 100_000_000_000

    /// A store in a folder of its own, and clocks.
    final class Fixture: Sendable {
        let folder = FileManager.default.temporaryDirectory.appending(path: "ledger-\(UUID().uuidString)")
        let day = Mutex(LedgerTests.day)
        /// What a clock says that nobody sets.
        let uptime = Mutex(Duration.zero)
        private let start = ContinuousClock.now

        func store(maxBytes: Int = 1 << 30) throws -> StoreEnvironment {
            var options = StoreOptions()
            options.maxBytes = maxBytes
            options.logger = Self.logger
            return try StoreEnvironment(path: folder.path, tables: Ledger.tables, options: options)
        }

        func ledger(
            _ store: StoreEnvironment, usdPerDay: Double = 100, removalAge: Duration = .zero
        ) throws -> Ledger {
            try Ledger(
                store: store, logger: Self.logger, now: { [self] in day.withLock { $0 * 86_400_000 + 1_000 } },
                uptime: { [self] in start + uptime.withLock { $0 } }, removalAge: removalAge,
                limit: { $0 == "token" ? usdPerDay : 0 })
        }

        func set(day number: UInt64) { day.withLock { $0 = number } }

        static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

        deinit { try? FileManager.default.removeItem(at: folder) }
    }

    static func row(_ ledger: Ledger) async throws -> UsageOfDay {
        let usage = try await ledger.usage(GetUsageRequest(token: "token"))
        return try #require(usage.days.last)
    }

    @Test func everyOrderOfReservationsSettlementsAndCrashesAddsUp() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("ledger: seed \(seed)")
        var random = SeededAmounts(state: seed)
        let fixture = Fixture()
        var charged: UInt64 = 0
        var answers: UInt64 = 1
        var unsettled: [UInt64] = []
        for round in 0..<25 {
            let store = try fixture.store()
            let ledger = try fixture.ledger(store)
            // What an earlier process knew of and this one can't.
            let start = try await Self.row(round == 0 ? try seeded(ledger) : ledger)
            #expect(start.reservedNanoUsd == 0 && start.unsettledNanoUsd == unsettled.reduce(0, +))
            #expect(start.chargedNanoUsd == charged + unsettled.reduce(0, +) && start.answers == answers)
            #expect(start.remainingNanoUsd == Int64(Self.limit) - Int64(start.chargedNanoUsd))
            var open: [Hold] = []
            for _ in 0..<Int.random(in: 1...40, using: &random) {
                switch Int.random(in: 0...4, using: &random) {
                case 0...2:
                    let least = UInt64.random(in: 1...400_000_000, using: &random)
                    let left = Self.limit - charged - unsettled.reduce(0, +) - open.reduce(0) { $0 + $1.amount }
                    do throws(CallError) {
                        let hold = try ledger.reserve(Self.payer, model: "m", least: least, most: 2 * least)
                        #expect(hold?.amount == min(2 * least, left))
                        guard let hold else { continue }
                        #expect(await hold.stored() == nil)
                        open.append(hold)
                    } catch {
                        #expect(error.code == .resourceExhausted && left < least)
                    }
                default:
                    guard let index = open.indices.randomElement(using: &random) else { continue }
                    let hold = open.remove(at: index)
                    let cost = UInt64.random(in: 0...hold.amount, using: &random)
                    ledger.settle(
                        hold, of: Self.payer, cost: cost, answers: 1, promptTokens: 3, completionTokens: 4)
                    charged += cost
                    answers += 1
                }
            }
            #expect(await ledger.flush() == nil)
            let row = try await Self.row(ledger)
            let reserved = open.reduce(0) { $0 + $1.amount }
            #expect(row.reservedNanoUsd == reserved)
            #expect(row.chargedNanoUsd == charged + reserved + unsettled.reduce(0, +))
            #expect(row.remainingNanoUsd == Int64(Self.limit) - Int64(row.chargedNanoUsd))
            #expect(row.answers == answers && row.promptTokens == 3 * answers && row.completionTokens == 4 * answers)
            // The process ends with answers under way.
            unsettled += open.map(\.amount)
            await store.close()
        }
        let store = try fixture.store()
        let ledger = try fixture.ledger(store)
        var listed: [UnsettledReservation] = []
        var next = ""
        repeat {
            let page = try await ledger.usage(GetUsageRequest(page: Page(size: 7, token: next), unsettled: true))
            listed += page.unsettled
            next = page.next
        } while !next.isEmpty
        #expect(listed.map(\.nanoUsd).sorted() == unsettled.sorted() && Set(listed.map(\.id)).count == listed.count)
        #expect(listed.allSatisfy { $0.tenant == "acme" && $0.token == "token" && $0.model == "m" })
        await store.close()
    }

    private func seeded(_ ledger: Ledger) throws -> Ledger {
        ledger.settle(nil, of: Self.payer, cost: 0, answers: 1, promptTokens: 3, completionTokens: 4)
        ledger.settle(nil, of: Payer(), cost: 5, answers: 1, promptTokens: 1, completionTokens: 1)
        return ledger
    }

    /// How many of a thousand callers at once get an answer, each of which costs so much.
    static func answers(
        ofAThousandAt price: UInt64, _ ledger: Ledger,
        reserve: @escaping @Sendable (_ caller: Int) async throws(CallError) -> Hold?
    ) async -> Int {
        await withTaskGroup(of: Bool.self) { group in
            for caller in 0..<1_000 {
                group.addTask {
                    guard let hold = try? await reserve(caller), await hold.stored() == nil else { return false }
                    ledger.settle(hold, of: payer, cost: price, answers: 1, promptTokens: 1, completionTokens: 1)
                    return true
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
    }

    @Test func aThousandAtOnceGetExactlyWhatTheyCanPay() async throws {
        let fixture = Fixture()
        let store = try fixture.store()
        let ledger = try fixture.ledger(store)
        let price = Self.limit / 100
        let granted = await Self.answers(ofAThousandAt: price, ledger) { _ throws(CallError) in
            try ledger.reserve(Self.payer, model: "m", least: price, most: price)
        }
        #expect(granted == 100)
        let row = try await Self.row(ledger)
        #expect(row.chargedNanoUsd == Self.limit && row.remainingNanoUsd == 0 && row.answers == 100)
        await store.close()
    }

    @Test func refusalsSayWhenToTryAgain() async throws {
        let fixture = Fixture()
        let store = try fixture.store()
        let ledger = try fixture.ledger(store, usdPerDay: 1)
        func refusal(_ nano: UInt64) -> CallError? {
            do throws(CallError) {
                _ = try ledger.reserve(Self.payer, model: "m", least: nano, most: nano)
                return nil
            } catch {
                return error
            }
        }
        let never = try #require(refusal(1_000_000_001))
        #expect(never.code == .resourceExhausted && never.metadata["retry-after-ms"] == nil)
        #expect(never.message.contains("1.000000001") && never.message.contains("max_tokens"))
        let hold = try #require(try ledger.reserve(Self.payer, model: "m", least: 900_000_000, most: 900_000_000))
        let later = try #require(refusal(200_000_000))
        #expect(later.metadata["retry-after-ms"] == "1000" && later.message.contains("under way"), "\(later)")
        ledger.settle(
            hold, of: Self.payer, cost: 900_000_000, answers: 1, promptTokens: 1, completionTokens: 1)
        let spent = try #require(refusal(200_000_000))
        #expect(spent.metadata["retry-after-ms"] == "\(86_400_000 - 1_000)" && spent.message.contains("next day"))
        // Others, and what costs nothing, go on.
        #expect(try ledger.reserve(Payer(token: "other"), model: "m", least: 1 << 60, most: 1 << 60) == nil)
        #expect(try ledger.reserve(Self.payer, model: "m", least: 0, most: 0) == nil)
        await store.close()
    }

    @Test func aClockThatIsSetBackOpensNoSpentDay() async throws {
        let fixture = Fixture()
        for round in 0..<2 {
            let store = try fixture.store()
            let ledger = try fixture.ledger(store, usdPerDay: 1)
            if round == 0 {
                let hold = try #require(try ledger.reserve(Self.payer, model: "m", least: 1, most: 1_000_000_000))
                #expect(await hold.stored() == nil)
                ledger.settle(
                    hold, of: Self.payer, cost: 1_000_000_000, answers: 1, promptTokens: 1, completionTokens: 1)
            }
            // Also of the next process.
            fixture.day.withLock { $0 = Self.day - 3 }
            await expectFailure(.resourceExhausted) {
                _ = try ledger.reserve(Self.payer, model: "m", least: 1, most: 1)
            }
            let row = try await Self.row(ledger)
            #expect(row.day == "2024-10-04" && row.remainingNanoUsd == 0)
            await store.close()
        }
        fixture.day.withLock { $0 = Self.day + 1 }
        let store = try fixture.store()
        let ledger = try fixture.ledger(store, usdPerDay: 1)
        #expect(try ledger.reserve(Self.payer, model: "m", least: 1, most: 1) != nil)
        await store.close()
    }

    @Test func aClockThatWasFarAheadIsNoDayToGoOnFrom() async throws {
        let fixture = Fixture()
        for (day, isLeft) in [(Self.day + 400, true), (Self.day, false), (Self.day + 1, false)] {
            fixture.day.withLock { $0 = day }
            let store = try fixture.store()
            let ledger = try fixture.ledger(store, usdPerDay: 1)
            let hold = try #require(try ledger.reserve(Self.payer, model: "m", least: 1, most: 1_000_000_000))
            #expect(hold.amount == 1_000_000_000)
            #expect(await hold.stored() == nil)
            // What it has set aside stays charged, of its own day.
            let unsettled = try await ledger.usage(GetUsageRequest(unsettled: true))
            #expect(unsettled.unsettled.isEmpty == isLeft)
            await store.close()
        }
    }

    /// Until it is on disk.
    private static func spend(_ amount: UInt64, of ledger: Ledger) async throws {
        let hold = try #require(try ledger.reserve(payer, model: "m", least: amount, most: amount))
        #expect(await hold.stored() == nil)
        ledger.settle(hold, of: payer, cost: amount, answers: 1, promptTokens: 1, completionTokens: 1)
        #expect(await ledger.flush() == nil)
    }

    @Test(arguments: [0, 19_970] as [UInt64])
    func aClockThatIsSetRightAfterTheStartOpensNoSpentDay(wrong: UInt64) async throws {
        let fixture = Fixture()
        let before = try fixture.store()
        let earlier = try fixture.ledger(before, usdPerDay: 1)
        try await Self.spend(900_000_000, of: earlier)
        let unsettled = try #require(
            try earlier.reserve(Self.payer, model: "m", least: 60_000_000, most: 60_000_000))
        #expect(await unsettled.stored() == nil)
        await before.close()
        fixture.set(day: wrong)
        let store = try fixture.store()
        let ledger = try fixture.ledger(store, usdPerDay: 1)
        try await Self.spend(1_000_000_000, of: ledger)
        fixture.set(day: Self.day)
        let rest = try #require(try ledger.reserve(Self.payer, model: "m", least: 1, most: 1_000_000_000))
        #expect(rest.amount == 40_000_000)
        #expect(await rest.stored() == nil)
        await store.close()
    }

    @Test func whatWasSpentOfADayAheadIsCountedWhenThatDayComes() async throws {
        let fixture = Fixture()
        let store = try fixture.store()
        let ledger = try fixture.ledger(store, usdPerDay: 1)
        try await Self.spend(1_000, of: ledger)
        fixture.set(day: Self.day + 3)
        try await Self.spend(600_000_000, of: ledger)
        var open: [Hold] = []
        for _ in 0..<2 {
            let hold = try #require(
                try ledger.reserve(Self.payer, model: "m", least: 100_000_000, most: 100_000_000))
            #expect(await hold.stored() == nil)
            open.append(hold)
        }
        fixture.set(day: Self.day)
        try await Self.spend(1_000, of: ledger)
        ledger.settle(open[0], of: Self.payer, cost: 50_000_000, answers: 1, promptTokens: 1, completionTokens: 1)
        #expect(await ledger.flush() == nil)
        for day in Self.day + 1...Self.day + 2 {
            fixture.set(day: day)
            try await Self.spend(1_000_000_000, of: ledger)
        }
        fixture.set(day: Self.day + 3)
        // 650 million are charged, and 100 million are set aside for the answer under way.
        let rest = try #require(try ledger.reserve(Self.payer, model: "m", least: 1, most: 1_000_000_000))
        #expect(rest.amount == 250_000_000)
        ledger.settle(open[1], of: Self.payer, cost: 30_000_000, answers: 1, promptTokens: 1, completionTokens: 1)
        let freed = try #require(try ledger.reserve(Self.payer, model: "m", least: 1, most: 1_000_000_000))
        #expect(freed.amount == 70_000_000)
        await store.close()
    }

    @Test func whatIsNotOnDiskYetIsCountedToo() async throws {
        let fixture = Fixture()
        // Nothing can be written.
        let store = try fixture.store()
        let ledger = try fixture.ledger(store, usdPerDay: 1)
        await store.close()
        fixture.set(day: Self.day + 3)
        ledger.settle(nil, of: Self.payer, cost: 400_000_000, answers: 1, promptTokens: 1, completionTokens: 1)
        #expect(await ledger.flush() != nil)
        fixture.set(day: Self.day)
        ledger.settle(nil, of: Self.payer, cost: 1, answers: 1, promptTokens: 1, completionTokens: 1)
        fixture.set(day: Self.day + 3)
        let rest = try #require(try ledger.reserve(Self.payer, model: "m", least: 1, most: 1_000_000_000))
        #expect(rest.amount == 600_000_000)
        #expect(await rest.stored() != nil)
    }

    @Test func whatIsSettledWhileTheClockIsAheadIsFreeWhenItIsBack() async throws {
        let fixture = Fixture()
        let store = try fixture.store()
        let ledger = try fixture.ledger(store, usdPerDay: 1)
        let hold = try #require(
            try ledger.reserve(Self.payer, model: "m", least: 1_000_000_000, most: 1_000_000_000))
        #expect(await hold.stored() == nil)
        fixture.set(day: Self.day + 3)
        ledger.settle(hold, of: Self.payer, cost: 400_000_000, answers: 1, promptTokens: 1, completionTokens: 1)
        fixture.set(day: Self.day)
        let rest = try #require(try ledger.reserve(Self.payer, model: "m", least: 1, most: 1_000_000_000))
        #expect(rest.amount == 600_000_000)
        await store.close()
    }

    @Test func midnightCountsNothingTwice() async throws {
        let fixture = Fixture()
        let store = try fixture.store()
        let ledger = try fixture.ledger(store, usdPerDay: 1)
        let yesterdays = try #require(
            try ledger.reserve(Self.payer, model: "m", least: 1_000_000_000, most: 1_000_000_000))
        fixture.set(day: Self.day + 1)
        let all = try #require(try ledger.reserve(Self.payer, model: "m", least: 1, most: 1_000_000_000))
        #expect(all.amount == 1_000_000_000)
        for hold in [yesterdays, all] {
            #expect(await hold.stored() == nil)
            ledger.settle(
                hold, of: Self.payer, cost: 300_000_000, answers: 1, promptTokens: 1, completionTokens: 1)
        }
        let rest = try #require(try ledger.reserve(Self.payer, model: "m", least: 1, most: 1_000_000_000))
        #expect(rest.amount == 700_000_000)
        #expect(await rest.stored() == nil)
        let days = try await ledger.usage(GetUsageRequest()).days
        #expect(days.map(\.chargedNanoUsd) == [300_000_000, 1_000_000_000])
        await store.close()
    }

    /// More than it takes, and much more than a smaller batch would find room for.
    private static func fill(_ ledger: Ledger) async {
        var tenant = 0
        while await ledger.flush() == nil, tenant < 100_000 {
            for _ in 0..<200 {
                tenant += 1
                ledger.settle(
                    nil, of: Payer(tenant: "tenant \(tenant)"), cost: 1, answers: 1, promptTokens: 1,
                    completionTokens: 1)
            }
        }
        for number in 0..<2_000 {
            ledger.settle(
                nil, of: Payer(tenant: "late \(number)"), cost: 1, answers: 1, promptTokens: 1, completionTokens: 1)
        }
    }

    @Test func aFullStoreLosesNoSettlement() async throws {
        let fixture = Fixture()
        // Room for a while.
        let store = try fixture.store(maxBytes: 1 << 20)
        let ledger = try fixture.ledger(store)
        let hold = try #require(try ledger.reserve(Self.payer, model: "m", least: 5, most: 5))
        #expect(await hold.stored() == nil)
        await Self.fill(ledger)
        ledger.settle(hold, of: Self.payer, cost: 3, answers: 1, promptTokens: 1, completionTokens: 1)
        await expectFailure(.resourceExhausted) {
            let next = try #require(try ledger.reserve(Self.payer, model: "m", least: 5, most: 5))
            if let error = await next.stored() {
                ledger.settle(next, of: Self.payer, cost: 0, answers: 0, promptTokens: 0, completionTokens: 0)
                throw CallError((error as? StoreError)?.code == .resourceExhausted ? .resourceExhausted : .internal, "")
            }
        }
        await store.close()
        // The settlement was kept in memory, and its money stayed set aside on the disk.
        let again = try fixture.store()
        let row = try await Self.row(try fixture.ledger(again))
        #expect(row.chargedNanoUsd == 5 && row.unsettledNanoUsd == 5)
        await again.close()
    }

    @Test func aHoldThatWasNotStoredLeavesNoKeyBehind() async throws {
        let fixture = Fixture()
        let store = try fixture.store(maxBytes: 1 << 20)
        let ledger = try fixture.ledger(store)
        await Self.fill(ledger)
        // Settled once the caller was told, and before.
        for isTold in [true, false] {
            var holds: [Hold] = []
            for _ in 0..<50 {
                holds.append(try #require(try ledger.reserve(Self.payer, model: "m", least: 5, most: 5)))
            }
            for hold in holds {
                if isTold { #expect(await hold.stored() != nil) }
                ledger.settle(hold, of: Self.payer, cost: 0, answers: 0, promptTokens: 0, completionTokens: 0)
            }
            for hold in holds { #expect(await hold.stored() != nil) }
        }
        #expect(await ledger.flush() != nil)
        #expect(ledger.unwrittenSettlements == 0)
        await store.close()
    }

    @Test func aClockThatIsFarAheadForAMomentRemovesNothing() async throws {
        let fixture = Fixture()
        let store = try fixture.store()
        let ledger = try fixture.ledger(store, removalAge: .seconds(3_600))
        let open = try #require(try ledger.reserve(Self.payer, model: "m", least: 5, most: 5))
        #expect(await open.stored() == nil)
        fixture.uptime.withLock { $0 = .seconds(7_200) }
        for day in [Self.day, Self.day + 500, Self.day] {
            fixture.set(day: day)
            ledger.settle(nil, of: Self.payer, cost: 1, answers: 1, promptTokens: 1, completionTokens: 1)
            #expect(await ledger.flush() == nil)
        }
        let first = try #require(try await ledger.usage(GetUsageRequest()).days.first)
        #expect(first.day == "2024-10-04" && first.answers == 2)
        #expect(first.reservedNanoUsd == 5 && first.chargedNanoUsd == 7)
        await store.close()
    }

    @Test func reservationsOfALongRunStayUntilTheyAreSettled() async throws {
        let fixture = Fixture()
        let store = try fixture.store()
        let ledger = try fixture.ledger(store, removalAge: .seconds(3_600))
        let old = try #require(try ledger.reserve(Self.payer, model: "m", least: 5, most: 5))
        #expect(await old.stored() == nil)
        fixture.set(day: Self.day + 500)
        let new = try #require(try ledger.reserve(Self.payer, model: "m", least: 6, most: 6))
        #expect(await new.stored() == nil)
        fixture.uptime.withLock { $0 = .seconds(7_200) }
        ledger.settle(nil, of: Self.payer, cost: 1, answers: 1, promptTokens: 1, completionTokens: 1)
        #expect(await ledger.flush() == nil)
        // The old day is gone.
        #expect(try await ledger.usage(GetUsageRequest()).days.map(\.day) == ["2026-02-16"])
        // To a later process they are an earlier one's, which go by their day, not by when that began.
        let next = try fixture.ledger(store, removalAge: .seconds(3_600))
        let request = GetUsageRequest(unsettled: true)
        #expect(try await next.usage(request).unsettled.map(\.nanoUsd) == [5, 6])
        fixture.uptime.withLock { $0 = .seconds(14_400) }
        #expect(try await next.usage(request).unsettled.map(\.nanoUsd) == [6])
        await store.close()
    }

    @Test func whatIsToldOfTheDayIsOfTheClocksDay() async throws {
        let fixture = Fixture()
        let store = try fixture.store()
        let ledger = try fixture.ledger(store, usdPerDay: 1)
        let hold = try #require(try ledger.reserve(Self.payer, model: "m", least: 7, most: 7))
        #expect(await hold.stored() == nil)
        ledger.settle(nil, of: Self.payer, cost: 5, answers: 1, promptTokens: 1, completionTokens: 1)
        #expect(throws: CallError.self) {
            _ = try ledger.reserve(Self.payer, model: "m", least: 1 << 40, most: 1 << 40)
        }
        var sums = ledger.sums
        #expect(sums.charged == 12 && sums.reserved == 7 && sums.unsettled == 0 && sums.refused == 1)
        #expect(await ledger.flush() == nil)
        // To a later process nobody settles the answer that was under way.
        let next = try fixture.ledger(store, usdPerDay: 1)
        sums = next.sums
        #expect(sums.charged == 12 && sums.reserved == 0 && sums.unsettled == 7 && sums.refused == 0)
        // Nobody has called yet on the next day.
        fixture.set(day: Self.day + 1)
        sums = next.sums
        #expect(sums.charged == 0 && sums.reserved == 0 && sums.unsettled == 0)
        await store.close()
    }

    @Test func oldDaysGo() async throws {
        let fixture = Fixture()
        let store = try fixture.store()
        let ledger = try fixture.ledger(store)
        for _ in 0..<3 {
            ledger.settle(nil, of: Self.payer, cost: 1, answers: 1, promptTokens: 1, completionTokens: 1)
            await ledger.flush()
            fixture.day.withLock { $0 += 300 }
        }
        let days = try await ledger.usage(GetUsageRequest()).days.map(\.day)
        #expect(days == ["2025-07-31", "2026-05-27"])
        for request in [
            GetUsageRequest(firstDay: "yesterday"), GetUsageRequest(page: Page(token: "xyz")),
            GetUsageRequest(page: Page(token: "xyz"), unsettled: true), GetUsageRequest(page: Page(size: 2_000)),
        ] {
            await expectFailure(.invalidArgument) { _ = try await ledger.usage(request) }
        }
        let paged = try await ledger.usage(GetUsageRequest(page: Page(size: 1)))
        #expect(paged.days.count == 1 && !paged.next.isEmpty)
        let rest = try await ledger.usage(GetUsageRequest(page: Page(size: 1, token: paged.next)))
        #expect(rest.days.map(\.day) == ["2026-05-27"] && rest.next.isEmpty)
        await store.close()
    }
}
