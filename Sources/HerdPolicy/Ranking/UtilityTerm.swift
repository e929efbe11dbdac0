/// One term of a utility; added in order, the terms give the utility exactly.
package struct UtilityTerm: Sendable, Equatable {
    package enum Subject: Sendable, Equatable {
        /// The expected score of the draft.
        case quality
        /// What the rounds of refinement are expected to add to it.
        case refinement
        case goal(GoalKind)
    }

    package var subject: Subject
    /// Points of utility: the quality, the refinement's gain, or `-lambda * amount`.
    package var value: Double
    /// The goal's amount in its unit, or min-max scaled to 0..1.
    package var amount: Double
    package var lambda: Double
    package var isAssumed: Bool

    /// Nil for quality and refinement.
    package var goal: GoalKind? {
        if case .goal(let kind) = subject { kind } else { nil }
    }

    package var name: String {
        switch subject {
        case .quality: "quality"
        case .refinement: "refinement"
        case .goal(let kind): kind.rawValue
        }
    }

    package var unit: String { goal?.unit ?? "points" }
}
