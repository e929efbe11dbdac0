/// How much each term of a PeRFICS score counts.
///
/// The ingredients (performance, refinement gain, inference cost) are those of arXiv 2310.07611, section "PeRFICS"; the
/// formula, the fourth term and the presets are Herd's own.
package struct PerficsWeightSet: Sendable, Equatable {
    /// Of the baseline performance, `a`.
    package var performance: Double
    /// Of the gain by refinement, `b`.
    package var gain: Double
    /// Of the mean over the other tasks, `g`.
    package var breadth: Double
    /// Of the inference cost, `d`; it counts against the model.
    package var cost: Double

    package init(performance: Double, gain: Double, breadth: Double, cost: Double) {
        self.performance = performance
        self.gain = gain
        self.breadth = breadth
        self.cost = cost
    }

    /// A named set of weights.
    package enum Preset: String, Sendable, CaseIterable {
        /// One person's own machine: what it costs to run counts as much as what it can do, and refinement, which takes
        /// time but no memory, makes up for a small model.
        case personal
        /// An answer is wanted while the frame is drawn: cost weighs most, other tasks hardly count.
        case gaming
        /// Servers at hand and many kinds of work: performance and breadth weigh most.
        case enterprise

        package var weights: PerficsWeightSet {
            switch self {
            case .personal: PerficsWeightSet(performance: 0.35, gain: 0.2, breadth: 0.1, cost: 0.35)
            case .gaming: PerficsWeightSet(performance: 0.35, gain: 0.1, breadth: 0.05, cost: 0.5)
            case .enterprise: PerficsWeightSet(performance: 0.45, gain: 0.15, breadth: 0.3, cost: 0.1)
            }
        }
    }

    /// Weights are finite, not negative, and not all zero; they need not add up to one.
    package var isUsable: Bool {
        let all = [performance, gain, breadth, cost]
        return all.allSatisfy { $0.isFinite && $0 >= 0 && $0 <= 1e6 } && all.contains { $0 > 0 }
    }
}
