import HerdServices
import Testing

@Suite struct MeasurementTests {
    @Test func theGridHasTwoDigitsAndStepsOfTenPercent() {
        var value = 1e-6
        while value < 9e9 {
            let nearest = PreferredNumber.nearest(to: value)
            #expect(max(nearest / value, value / nearest) < 1.08, "\(value) to \(nearest)")
            #expect(PreferredNumber.nearest(to: nearest) == nearest)
            value *= 1.037
        }
        #expect(PreferredNumber.nearest(to: 0.0331) == 0.033)
        #expect(PreferredNumber.nearest(to: 340) == 330)
        #expect(PreferredNumber.nearest(to: 0) == 0 && PreferredNumber.nearest(to: .nan) == 0)
        #expect(PreferredNumber.nearest(to: 1e-30) == 1e-6 && PreferredNumber.nearest(to: 1e30) == 9.1e9)
    }

    @Test func whatWaversKeepsItsNumber() {
        #expect(PreferredNumber.next(for: 1.06, published: 1) == 1)
        #expect(PreferredNumber.next(for: 1.09, published: 1) == 1.1)
        #expect(PreferredNumber.next(for: 1.04, published: 1.1) == 1.1)
        #expect(PreferredNumber.next(for: 0, published: 1.1) == 1.1)
    }

    @Test func aRevisionStandsForItsValues() throws {
        let none = PublishedMeasurements()
        let first = try #require(
            none.updated(
                with: ["m": .init(firstTokenSeconds: 0.5, tokensPerSecond: 100), "gone": .init(firstTokenSeconds: 1)],
                models: ["m"]))
        #expect(first.revision == 1)
        #expect(first.latencies == ["m": .init(firstTokenSeconds: 0.51, tokensPerSecond: 100)])
        #expect(first.updated(with: ["m": .init(firstTokenSeconds: 0.52, tokensPerSecond: 103)], models: ["m"]) == nil)
        #expect(first.updated(with: [:], models: ["m"]) == nil)
        let second = try #require(first.updated(with: ["m": .init(firstTokenSeconds: 2)], models: ["m"]))
        #expect(second.revision == 2 && second.latencies["m"] == .init(firstTokenSeconds: 2, tokensPerSecond: 100))
        #expect(second.updated(with: [:], models: [])?.latencies == [:])
    }
}
