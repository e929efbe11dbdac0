/// What to believe of the models' latencies, of what calls have shown and of what is declared.
///
/// A few calls do not outweigh a declared figure: n of them have the weight n / (n + 5). And since a model that is believed
/// to be slow may get no calls that could show otherwise, a measurement without new calls fades, by half every ten minutes:
/// towards the declared figure and, after an hour, into it. Where nothing is declared it becomes twice as fast with each
/// of the first three such periods instead, so that somebody tries the model again.
package struct LatencyEstimates: Sendable {
    package typealias Latency = PublishedMeasurements.Latency

    /// What a model's calls have come to.
    package struct Sample: Sendable, Equatable {
        package var latency: Latency
        /// How many calls.
        package var calls: Int

        package init(_ latency: Latency, calls: Int) {
            self.latency = latency
            self.calls = calls
        }
    }

    private struct Belief {
        /// What was published before the first of the calls; 0 = nothing.
        var prior = Latency()
        var sample = Sample(Latency(), calls: 0)
        /// Seconds, when the last call's figures were seen.
        var seenAt: Double
    }

    /// The calls that weigh as much as what was known before them.
    private static let priorWeight = 5.0
    /// Seconds without a call after which a measurement counts half.
    private static let halfLife = 600.0
    /// Half-lives after which nothing is left of it.
    private static let mostHalvings = 6
    private static let mostDoublings = 3

    private var beliefs: [String: Belief]

    /// - Parameters:
    ///   - published: what was in force before.
    ///   - now: seconds of a clock that does not go back, as all others.
    package init(published: [String: Latency], now: Double) {
        beliefs = published.mapValues { Belief(prior: $0, seenAt: now) }
    }

    /// The model is another one now: what was measured does not hold for it.
    package mutating func forget(_ model: String) {
        beliefs[model] = nil
    }

    package mutating func take(_ samples: [String: Sample], now: Double) {
        for (model, sample) in samples where sample != beliefs[model]?.sample {
            var belief = beliefs[model] ?? Belief(seenAt: now)
            belief.sample = sample
            belief.seenAt = now
            beliefs[model] = belief
        }
    }

    /// What to publish; a model, or a figure (0), that is missing is as it is declared.
    ///
    /// - Parameter declared: of the models there are; 0 = not declared.
    package func current(declared: [String: Latency], now: Double) -> [String: Latency] {
        var current: [String: Latency] = [:]
        for (model, belief) in beliefs {
            guard let declared = declared[model] else { continue }
            let age = max(0, Int(max(0, now - belief.seenAt) / Self.halfLife))
            let latency = Latency(
                firstTokenSeconds: Self.believed(belief, declared, age, \.firstTokenSeconds, isTime: true),
                tokensPerSecond: Self.believed(belief, declared, age, \.tokensPerSecond, isTime: false))
            if latency != Latency() { current[model] = latency }
        }
        return current
    }

    /// - Parameter age: whole half-lives.
    private static func believed(
        _ belief: Belief, _ declared: Latency, _ age: Int, _ figure: KeyPath<Latency, Double>, isTime: Bool
    ) -> Double {
        let known = belief.prior[keyPath: figure] > 0 ? belief.prior[keyPath: figure] : declared[keyPath: figure]
        let measured = belief.sample.latency[keyPath: figure]
        let calls = Double(belief.sample.calls)
        var value = measured > 0 ? measured : belief.prior[keyPath: figure]
        guard value > 0 else { return 0 }
        if known > 0, measured > 0 { value = known + calls / (calls + priorWeight) * (measured - known) }
        guard age > 0 else { return value }
        let target = declared[keyPath: figure]
        guard target > 0 else {
            let factor = Double(1 << min(age, mostDoublings))
            return isTime ? value / factor : value * factor
        }
        return age < mostHalvings ? target + (value - target) / Double(1 << age) : 0
    }
}
