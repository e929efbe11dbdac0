#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What is known of one model for a PeRFICS table. A nil fact is one that was never measured nor declared.
package struct PerficsFacts: Sendable, Equatable {
    package var model: String
    /// Mean score without refinement.
    package var performance: Double?
    /// Mean change of the score by refinement; negative where it harms.
    package var gain: Double?
    /// Mean score over the other tasks.
    package var breadth: Double?
    /// Gigabytes the weights take.
    package var memoryGB: Double?
    /// Seconds of an answer.
    package var latencySeconds: Double?

    package init(
        model: String, performance: Double? = nil, gain: Double? = nil, breadth: Double? = nil, memoryGB: Double? = nil,
        latencySeconds: Double? = nil
    ) {
        self.model = model
        self.performance = performance
        self.gain = gain
        self.breadth = breadth
        self.memoryGB = memoryGB
        self.latencySeconds = latencySeconds
    }
}

/// Ranks models for a task: `score = a*P + b*dR + g*B - d*I`.
///
/// P is the performance, dR the gain by refinement, B the breadth; I, the inference cost, is half the logarithm of the
/// memory and half that of the latency. Each of the four, and both halves of I before they are added, is min-max scaled
/// over the ranked models, to 0..1; where all of them are equal it says nothing and is 0.5 for each. A term whose weight is
/// zero is not needed. A model that lacks a needed term is not ranked: it is listed after the others with what is known of
/// it, without points, and what it is does not shift anybody's score.
package struct PerficsRanking: Sendable, Equatable {
    package enum Term: Int, Sendable, CaseIterable {
        case performance, gain, breadth, cost
    }

    package struct TermValue: Sendable, Equatable {
        /// In its own unit; of the cost, its two scaled halves.
        package var value: Double
        /// 0...1 over the ranked models; 0 for one that is not ranked, as are its points.
        package var scaled: Double
        /// What it adds to the score.
        package var points: Double
    }

    package struct Row: Sendable, Equatable {
        package var facts: PerficsFacts
        /// By `Term`; nil = not known.
        package var terms: [TermValue?]
        /// Nil for a model that is not ranked.
        package var score: Double?
        /// The needed terms that are not known.
        package var missing: [Term]

        package subscript(_ term: Term) -> TermValue? { terms[term.rawValue] }
    }

    /// Best first, of equal ones by name; then those that are not ranked, by name.
    package let rows: [Row]

    package init(_ models: [PerficsFacts], weights: PerficsWeightSet) {
        let factors = [weights.performance, weights.gain, weights.breadth, -weights.cost]
        let missing = models.map { facts in
            Term.allCases.filter { factors[$0.rawValue] != 0 && !facts.has($0) }
        }
        let ranked = models.indices.filter { missing[$0].isEmpty }
        /// Scaled over the ranked models alone, by their places; others have none.
        func scaled(_ value: (Int) -> Double?) -> [Double?] {
            var all = [Double?](repeating: nil, count: models.count)
            for (place, share) in zip(ranked, Self.scaled(ranked.map(value))) { all[place] = share }
            return all
        }
        let memory = scaled { models[$0].memoryGB.flatMap(Self.logarithm) }
        let latency = scaled { models[$0].latencySeconds.flatMap(Self.logarithm) }
        let halves = zip(memory, latency).map { memory, latency in
            memory.flatMap { memory in latency.map { 0.5 * memory + 0.5 * $0 } }
        }
        let values = [models.map(\.performance), models.map(\.gain), models.map(\.breadth), halves]
        let shares = values.map { values in scaled { values[$0] } }
        let rows = models.indices.map { place in
            var row = Row(facts: models[place], terms: [], score: nil, missing: missing[place])
            for term in Term.allCases {
                let share = shares[term.rawValue][place] ?? 0
                row.terms.append(
                    values[term.rawValue][place].map {
                        TermValue(value: $0, scaled: share, points: factors[term.rawValue] * share)
                    })
            }
            if row.missing.isEmpty { row.score = row.terms.reduce(0) { $0 + ($1?.points ?? 0) } }
            return row
        }
        self.rows = rows.sorted { first, second in
            let scores = (first.score ?? -.infinity, second.score ?? -.infinity)
            if scores.0 != scores.1 { return scores.0 > scores.1 }
            return first.facts.model.utf8.lexicographicallyPrecedes(second.facts.model.utf8)
        }
    }

    /// Of what takes part in the product only: zero or less is not a memory or a latency.
    fileprivate static func logarithm(_ value: Double) -> Double? {
        value > 0 && value.isFinite ? log(value) : nil
    }

    /// Min-max over the known values.
    private static func scaled(_ values: [Double?]) -> [Double?] {
        let known = values.compactMap(\.self)
        guard let least = known.min(), let most = known.max() else { return values.map { _ in nil } }
        return values.map { $0.map { value in most > least ? (value - least) / (most - least) : 0.5 } }
    }
}

extension PerficsFacts {
    /// Whether a term can be told; the cost takes both halves.
    fileprivate func has(_ term: PerficsRanking.Term) -> Bool {
        switch term {
        case .performance: performance != nil
        case .gain: gain != nil
        case .breadth: breadth != nil
        case .cost:
            memoryGB.flatMap(PerficsRanking.logarithm) != nil && latencySeconds.flatMap(PerficsRanking.logarithm) != nil
        }
    }
}
