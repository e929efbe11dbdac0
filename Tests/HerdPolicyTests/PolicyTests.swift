import HerdPolicy
import Testing

@Suite struct PolicyTests {
    @Test func theTighterLimitHolds() {
        let policy = RoutingConstraints(
            allow: ["a", "b"], deny: ["c"], maxCostUSD: 1, maxParametersB: 10, minContextTokens: 100)
        let caller = RoutingConstraints(
            allow: ["b", "d"], deny: ["e"], maxCostUSD: 2, maxLatencySeconds: 3, maxParametersB: 5, localOnly: true,
            minContextTokens: 50)
        let both = RoutingConstraints(
            allow: ["b"], deny: ["c", "e"], maxCostUSD: 1, maxLatencySeconds: 3, maxParametersB: 5, localOnly: true,
            minContextTokens: 100)
        #expect(policy.tightened(by: caller) == both)
        #expect(caller.tightened(by: policy) == both)
    }

    @Test func callersGoalsReplaceThePolicysOfTheirKind() {
        let policy = RoutingPolicy(name: "p", goals: [Goal(.size, lambda: 1), Goal(.cost, lambda: 2)])
        #expect(
            policy.goals(with: [Goal(.age, lambda: 3), Goal(.size, lambda: 4)])
                == [Goal(.cost, lambda: 2), Goal(.size, lambda: 4), Goal(.age, lambda: 3)])
    }

    @Test func badGoalsAndLimitsAreNamed() {
        #expect(throws: PolicyError.self) { try Goal(name: "politeness", lambda: 1) }
        #expect(throws: PolicyError.self) { try Goal(name: "cost", lambda: .nan) }
        #expect(throws: PolicyError.self) { try Goal(name: "cost", lambda: .infinity) }
        #expect(throws: PolicyError.self) { try RoutingConstraints(maxCostUSD: -1).validate() }
        #expect(throws: PolicyError.self) { try RoutingConstraints(maxLatencySeconds: .nan).validate() }
    }

    @Test(arguments: [
        ("1970-01-01", 0), ("2026-01-01", 20_454), ("2000-02-29", 11_016), ("1969-12-31", -1), ("2024-12-31", 20_088),
    ])
    func daysAreCounted(text: String, days: Int) {
        #expect(CalendarDay(text)?.daysSinceEpoch == days)
    }

    @Test(arguments: ["", "2023-02-29", "2023-13-01", "2023-1-01", "2023-01-00", "x023-01-01", "1900-02-29"])
    func wrongDaysAreRefused(text: String) {
        #expect(CalendarDay(text) == nil)
    }
}
