import HerdClient
import HerdMessages
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
            none.updated(to: ["m": .init(firstTokenSeconds: 0.5, tokensPerSecond: 100), "none": .init()]))
        #expect(first.revision == 1)
        #expect(first.latencies == ["m": .init(firstTokenSeconds: 0.51, tokensPerSecond: 100)])
        #expect(first.updated(to: ["m": .init(firstTokenSeconds: 0.52, tokensPerSecond: 103)]) == nil)
        let second = try #require(first.updated(to: ["m": .init(firstTokenSeconds: 2)]))
        #expect(second.revision == 2 && second.latencies["m"] == .init(firstTokenSeconds: 2))
        #expect(second.updated(to: [:])?.latencies == [:])
    }

    private typealias Latency = PublishedMeasurements.Latency

    @Test func oneSlowCallDoesNotOutweighWhatIsDeclared() throws {
        let declared = ["m": Latency(firstTokenSeconds: 0.05, tokensPerSecond: 100)]
        var estimates = LatencyEstimates(published: [:], now: 0)
        #expect(estimates.current(declared: declared, now: 0) == [:])
        func take(_ seconds: Double, calls: Int, now: Double) throws -> Double {
            estimates.take(["m": .init(Latency(firstTokenSeconds: seconds), calls: calls)], now: now)
            let current = try #require(estimates.current(declared: declared, now: now)["m"])
            #expect(current.tokensPerSecond == 0, "of which nothing was measured")
            return current.firstTokenSeconds
        }
        #expect(try abs(take(3.2, calls: 1, now: 0) - 0.575) < 1e-9)
        #expect(try abs(take(3.2, calls: 95, now: 1) - 3.0425) < 1e-9)
    }

    @Test func aMeasurementFadesWithoutCalls() throws {
        var declared = ["m": Latency(firstTokenSeconds: 1)]
        var estimates = LatencyEstimates(published: ["m": Latency(firstTokenSeconds: 9)], now: 0)
        func current(_ now: Double) -> Double {
            estimates.current(declared: declared, now: now)["m"]?.firstTokenSeconds ?? 0
        }
        #expect(current(0) == 9 && current(599) == 9)
        #expect(current(600) == 5 && current(1_200) == 3 && current(3_000) == 1.25)
        #expect(current(3_600) == 0, "as declared")
        // A call refreshes it.
        estimates.take(["m": .init(Latency(firstTokenSeconds: 3), calls: 5)], now: 4_000)
        #expect(current(4_100) == 6)
        #expect(estimates.current(declared: [:], now: 4_100) == [:], "only of models there are")

        // Without anything to go back to it gets quicker for a while, so that somebody tries.
        declared = ["m": Latency()]
        estimates = LatencyEstimates(published: ["m": Latency(firstTokenSeconds: 4, tokensPerSecond: 10)], now: 0)
        #expect(current(0) == 4 && current(600) == 2 && current(1_800) == 0.5 && current(1e6) == 0.5)
        #expect(estimates.current(declared: declared, now: 1e6)["m"]?.tokensPerSecond == 80)
        estimates.forget("m")
        #expect(estimates.current(declared: declared, now: 0) == [:])
    }

    @Test func aModelThatIsServedElsewhereIsMeasuredAnew() async throws {
        let stub = try ModelStub { _ in .text("yes") }
        try await withTestHerd { herd in
            var model = Model(name: "m", free: true, endpoints: [stub.endpoint])
            model.firstTokenSeconds = 100
            model.tokensPerSecond = 50
            _ = try await herd.call(Registry.putModel, PutModelRequest(model: model))
            let policy = Policy(name: "default", defaultModel: "m", expectedOutputTokens: 50)
            _ = try await herd.call(Registry.putPolicy, PutPolicyRequest(policy: policy))
            func seconds() async throws -> Double { try await herd.route("hi").candidates[0].latencySeconds }
            func measure() async throws {
                for try await _ in herd.router.stream(
                    Router.generate, GenerateRequest(model: "m", prompt: "hi"))
                {}
                try await herd.eventually("the answer counts") { try await seconds() < 95 }
            }
            #expect(try await seconds() == 101)
            try await measure()
            #expect(try await seconds() > 50, "one call does not tell all")
            // Removed and put again, and served at another place.
            _ = try await herd.call(Registry.removeModel, RemoveModelRequest(name: "m"))
            _ = try await herd.call(Registry.putModel, PutModelRequest(model: model))
            try await herd.eventually("it is forgotten") { try await seconds() == 101 }
            try await measure()
            let other = try ModelStub { _ in .text("yes") }
            model.endpoints = [other.endpoint]
            _ = try await herd.call(Registry.putModel, PutModelRequest(model: model))
            try await herd.eventually("it is forgotten again") { try await seconds() == 101 }
        }
    }
}
