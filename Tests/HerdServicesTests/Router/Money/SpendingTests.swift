import HerdServices
import Testing

/// The sums of one day, against a plain model of them.
@Suite struct SpendingTests {
    /// No clock has been there before.
    private static func nothing(of day: UInt64) -> [String: Spending.Account] { [:] }

    @Test func whatIsSetAsideNeverPassesTheLimit() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("spending: seed \(seed)")
        var random = SeededAmounts(state: seed)
        for _ in 0..<50 {
            var spending = Spending(day: 7)
            var charged: UInt64 = 0
            var open: [UInt64] = []
            let limit = UInt64.random(in: 1...1_000, using: &random)
            for _ in 0..<400 {
                if Bool.random(using: &random) {
                    let least = UInt64.random(in: 1...200, using: &random)
                    let most = least + UInt64.random(in: 0...200, using: &random)
                    let held = charged + open.reduce(0, +)
                    let left = limit > held ? limit - held : 0
                    let expected: Spending.Verdict =
                        left >= least
                        ? .granted(min(most, left))
                        : least > limit
                            ? .neverFits : charged + least <= limit ? .later(left: left) : .spent(left: left)
                    let verdict = spending.reserve(least: least, most: most, of: "t", limit: limit)
                    #expect(verdict == expected)
                    if case .granted(let amount) = verdict { open.append(amount) }
                } else if let index = open.indices.randomElement(using: &random) {
                    let amount = open.remove(at: index)
                    let cost = UInt64.random(in: 0...amount, using: &random)
                    charged += cost
                    spending.settle(reserved: amount, cost: cost, of: "t", day: 7)
                }
                let account = spending.account(of: "t")
                #expect(account.charged == charged && account.reserved == open.reduce(0, +))
                #expect(account.charged + account.reserved <= limit)
            }
        }
    }

    @Test func aDayThatIsOverOpensNoMore() {
        var spending = Spending(day: 7)
        #expect(spending.reserve(least: 10, most: 10, of: "t", limit: 10) == .granted(10))
        spending.advance(to: 6, load: Self.nothing)
        #expect(spending.day == 7)
        #expect(spending.reserve(least: 1, most: 1, of: "t", limit: 10) == .later(left: 0))
        spending.advance(to: 8, load: Self.nothing)
        // What was set aside yesterday is yesterday's.
        spending.settle(reserved: 10, cost: 10, of: "t", day: 7)
        #expect(spending.account(of: "t").charged == 0 && spending.account(of: "t").reserved == 0)
        #expect(spending.reserve(least: 10, most: 10, of: "t", limit: 10) == .granted(10))
    }

    @Test func aClockThatWasAheadByDaysLeavesTheDayAsItWas() {
        var spending = Spending(day: 7)
        #expect(spending.reserve(least: 10, most: 10, of: "t", limit: 10) == .granted(10))
        spending.settle(reserved: 10, cost: 10, of: "t", day: 7)
        spending.advance(to: 40, load: Self.nothing)
        #expect(spending.reserve(least: 1, most: 1, of: "t", limit: 10) == .granted(1))
        spending.advance(to: 7, load: Self.nothing)
        #expect(spending.day == 7)
        #expect(spending.reserve(least: 1, most: 1, of: "t", limit: 10) == .spent(left: 0))
        // Days go on as ever.
        spending.advance(to: 8, load: Self.nothing)
        spending.advance(to: 7, load: Self.nothing)
        #expect(spending.day == 8 && spending.account(of: "t").charged == 0)
    }

    @Test func whatIsSettledWhileTheClockIsAheadIsOfTheDayThatItLeft() {
        var spending = Spending(day: 7)
        #expect(spending.reserve(least: 10, most: 10, of: "t", limit: 10) == .granted(10))
        spending.advance(to: 40, load: Self.nothing)
        spending.settle(reserved: 10, cost: 4, of: "t", day: 7)
        #expect(spending.account(of: "t") == Spending.Account())
        spending.advance(to: 7, load: Self.nothing)
        #expect(spending.account(of: "t") == Spending.Account(charged: 4))
        #expect(spending.reserve(least: 1, most: 10, of: "t", limit: 10) == .granted(6))
    }

    @Test func everyDayThatBeginsIsLoadedAndTheOneThatWasLeftIsKept() {
        var spending = Spending(day: 7, accounts: ["t": Spending.Account(charged: 7)])
        var loaded: [UInt64] = []
        func stored(of day: UInt64) -> [String: Spending.Account] {
            loaded.append(day)
            return ["t": Spending.Account(charged: day, reserved: 1)]
        }
        for (clock, day) in [(10, 10), (10, 10), (9, 10), (8, 8), (7, 8), (9, 9), (10, 10)] as [(UInt64, UInt64)] {
            spending.advance(to: clock, load: stored)
            #expect(spending.day == day && spending.account(of: "t") == Spending.Account(charged: day, reserved: 1))
        }
        #expect(loaded == [10, 8, 9, 10])
        spending.advance(to: 20, load: stored)
        spending.advance(to: 10, load: stored)
        #expect(spending.account(of: "t") == Spending.Account(charged: 10, reserved: 1))
        #expect(loaded == [10, 8, 9, 10, 20])
    }

    @Test func sumsDoNotOverflow() {
        var spending = Spending(day: 7)
        for _ in 0..<4 { spending.settle(reserved: 0, cost: .max, of: "t", day: 7) }
        #expect(spending.reserve(least: 1, most: .max, of: "t", limit: 1_000_000_000_000_000_000) == .spent(left: 0))
        #expect(spending.reserve(least: .max, most: .max, of: "u", limit: 5) == .neverFits)
    }
}
