/// A flag a prompt may carry. Each adds a goal or tightens a limit; none loosens a hard constraint.
package enum PromptFlag: String, Sendable, CaseIterable {
    case smallestModel = "smallest model"
    case cheapest
    case fastest
    case newest
    case localOnly = "local only"

    /// The flag as a user wrote it: any case, runs of white space as one space, "model" may be added or left out.
    init?(written: String) {
        var words = written.lowercased().split(whereSeparator: \.isWhitespace).map(String.init)
        if words.count > 1, words.last == "model" { words.removeLast() }
        switch words.joined(separator: " ") {
        case "smallest": self = .smallestModel
        case "cheapest": self = .cheapest
        case "fastest": self = .fastest
        case "newest": self = .newest
        case "local only", "local": self = .localOnly
        default: return nil
        }
    }

    /// What the flag adds to the goals' lambdas; nil for a flag that tightens a limit instead.
    ///
    /// The weights make the goal win over any but a large gap in quality: 100 B parameters, 0.001 US dollars,
    /// 10 seconds or 5 years each cost one whole point.
    package var goal: Goal? {
        switch self {
        case .smallestModel: Goal(.size, lambda: 0.01)
        case .cheapest: Goal(.cost, lambda: 1_000)
        case .fastest: Goal(.latency, lambda: 0.1)
        case .newest: Goal(.age, lambda: 0.2)
        case .localOnly: nil
        }
    }

    /// Adds the flag to the goals and limits of a call.
    package func apply(goals: inout [Goal], constraints: inout RoutingConstraints) {
        if let goal {
            if let index = goals.firstIndex(where: { $0.kind == goal.kind }) {
                goals[index].lambda += goal.lambda
            } else {
                goals.append(goal)
            }
        } else {
            constraints.localOnly = true
        }
    }
}
