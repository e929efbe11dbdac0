/// How candidates are weighed: a named set of goals, limits and options.
package struct RoutingPolicy: Sendable, Equatable {
    package enum UnknownModels: Sendable, Equatable {
        /// A model the predictor has not seen is left out.
        case exclude
        /// It gets the topic's mean over the herd minus `priorPenalty`, marked.
        case prior
    }

    package enum Scale: Sendable, Equatable {
        /// Each goal in its own unit, so that a model's utility does not depend on which others are in the herd.
        case absolute
        /// Each goal min-max scaled to 0..1 over the candidates.
        case relative
    }

    /// Quality points taken off the topic's mean for a model the predictor has not seen.
    package static let priorPenalty = 0.05
    package static let defaultAgeReference = CalendarDay(daysSinceEpoch: 20_454)  // 2026-01-01
    package static let defaultOutputTokens = 256
    /// Five points: a model that is better by less is hardly worth the cold cache and the change of voice.
    package static let defaultSwitchMargin = 0.05

    package var name: String
    package var goals: [Goal]
    package var constraints: RoutingConstraints
    package var readsPromptFlags: Bool
    package var unknownModels: UnknownModels
    package var scale: Scale
    package var defaultModel: String?
    /// The day ages are counted to: a constant, so that equal inputs give equal replies.
    package var ageReference: CalendarDay
    package var expectedOutputTokens: Int
    /// A session stays with its model unless another's utility is higher by at least this much.
    package var switchMargin: Double

    package init(
        name: String, goals: [Goal] = [], constraints: RoutingConstraints = RoutingConstraints(),
        readsPromptFlags: Bool = false, unknownModels: UnknownModels = .exclude, scale: Scale = .absolute,
        defaultModel: String? = nil, ageReference: CalendarDay = defaultAgeReference,
        expectedOutputTokens: Int = defaultOutputTokens, switchMargin: Double = defaultSwitchMargin
    ) {
        self.name = name
        self.goals = goals
        self.constraints = constraints
        self.readsPromptFlags = readsPromptFlags
        self.unknownModels = unknownModels
        self.scale = scale
        self.defaultModel = defaultModel
        self.ageReference = ageReference
        self.expectedOutputTokens = expectedOutputTokens
        self.switchMargin = switchMargin
    }

    /// The goals with those of the caller, each of which replaces the policy's of its kind, in the order of `GoalKind`
    /// so that sums do not depend on the order in which goals were written.
    package func goals(with callers: [Goal]) -> [Goal] {
        var merged: [GoalKind: Double] = [:]
        for goal in goals { merged[goal.kind] = goal.lambda }
        for goal in callers { merged[goal.kind] = goal.lambda }
        return GoalKind.allCases.compactMap { kind in merged[kind].map { Goal(kind, lambda: $0) } }
    }
}
