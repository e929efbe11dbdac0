/// What a caller may trade quality for; each is an amount `C_j` in a unit of its own.
package enum GoalKind: String, Sendable, CaseIterable {
    /// US dollars per request.
    case cost
    /// Seconds to the end of the answer.
    case latency
    /// Billions of parameters in all.
    case size
    /// Billions of parameters used per token.
    case activeSize = "active_size"
    /// Years between the model's release and the policy's reference day.
    case age
    /// Expected answer length in tokens.
    case verbosity
    /// Gigabytes the weights take.
    case memory

    package var unit: String {
        switch self {
        case .cost: "USD"
        case .latency: "s"
        case .size, .activeSize: "B parameters"
        case .age: "years"
        case .verbosity: "tokens"
        case .memory: "GB"
        }
    }

    /// The names a goal may have, for error messages.
    package static let names = allCases.map(\.rawValue).joined(separator: ", ")
}

/// A secondary goal and its weight.
package struct Goal: Sendable, Equatable {
    package var kind: GoalKind
    /// Quality points (0..1) per unit of the goal; any finite number, negative to prefer more of it.
    package var lambda: Double

    package init(_ kind: GoalKind, lambda: Double) {
        self.kind = kind
        self.lambda = lambda
    }

    /// Checks a goal given by name.
    package init(name: String, lambda: Double) throws(PolicyError) {
        guard let kind = GoalKind(rawValue: name) else {
            throw PolicyError("goal '\(name)' is not known; the goals are \(GoalKind.names)")
        }
        guard lambda.isFinite, abs(lambda) <= 1e9 else {
            throw PolicyError("the lambda of goal '\(name)' must be a number between -1e9 and 1e9, not \(lambda)")
        }
        self.init(kind, lambda: lambda)
    }
}

/// Why goals, constraints or a policy can't be used, in a sentence for the caller.
package struct PolicyError: Error, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
