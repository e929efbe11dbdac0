import HerdFrames
import HerdMessages
import HerdPolicy

extension PolicyRecord {
    /// Checks a policy that came over the wire.
    init(validating policy: Policy, requestID: String) throws(CallError) {
        try Check.name(policy.name, field: "policy.name")
        _ = try [HerdPolicy.Goal](policy.goals, field: "policy.goals")
        _ = try RoutingConstraints(policy.constraints, field: "policy.constraints")
        try Check.length(requestID, field: "request_id", atMost: 200)
        try Check.day(policy.ageReference, field: "policy.age_reference")
        try Check.amount(policy.switchMargin, field: "policy.switch_margin")
        guard policy.expectedOutputTokens <= 1_000_000 else {
            throw CallError(.invalidArgument, "policy.expected_output_tokens must be at most 1000000")
        }
        if !policy.defaultModel.isEmpty { try Check.name(policy.defaultModel, field: "policy.default_model") }
        self.init()
        name = policy.name
        goals = policy.goals?.goals.map { GoalRecord(name: $0.name, lambda: $0.lambda) } ?? []
        constraints = policy.constraints.map(ConstraintsRecord.init)
        promptFlags = policy.promptFlags
        unknownModels = policy.unknownModels == .prior ? 1 : 0
        scale = policy.scale == .relative ? 1 : 0
        defaultModel = policy.defaultModel
        ageReference = policy.ageReference
        expectedOutputTokens = policy.expectedOutputTokens
        switchMargin = policy.switchMargin
        requestId = requestID
    }

    /// Whether both say the same, whoever wrote it and when.
    func hasSameContent(as other: PolicyRecord) -> Bool {
        var mine = self
        mine.revision = other.revision
        mine.requestId = other.requestId
        return mine == other
    }
}

extension Policy {
    init(_ record: PolicyRecord) {
        self.init()
        name = record.name
        if !record.goals.isEmpty {
            goals = Goals(goals: record.goals.map { HerdMessages.Goal(name: $0.name, lambda: $0.lambda) })
        }
        constraints = record.constraints.map(Constraints.init)
        promptFlags = record.promptFlags
        unknownModels = record.unknownModels == 1 ? .prior : .exclude
        scale = record.scale == 1 ? .relative : .absolute
        defaultModel = record.defaultModel
        ageReference = record.ageReference
        expectedOutputTokens = record.expectedOutputTokens
        switchMargin = record.switchMargin
        revision = record.revision
    }
}

extension RoutingPolicy {
    /// A stored policy was checked when it came in; what a later version wrote and this one does not know is left out.
    init(_ record: PolicyRecord) {
        self.init(name: record.name)
        let wire = Policy(record)
        goals = (try? [HerdPolicy.Goal](wire.goals, field: "policy.goals")) ?? []
        constraints = (try? RoutingConstraints(wire.constraints, field: "policy.constraints")) ?? RoutingConstraints()
        readsPromptFlags = record.promptFlags
        unknownModels = record.unknownModels == 1 ? .prior : .exclude
        scale = record.scale == 1 ? .relative : .absolute
        defaultModel = record.defaultModel.isEmpty ? nil : record.defaultModel
        ageReference = CalendarDay(record.ageReference) ?? Self.defaultAgeReference
        if record.expectedOutputTokens > 0 { expectedOutputTokens = Int(record.expectedOutputTokens) }
        if record.switchMargin > 0 { switchMargin = record.switchMargin }
    }
}

extension [HerdPolicy.Goal] {
    init(_ goals: Goals?, field: String) throws(CallError) {
        self = []
        var seen: Set<GoalKind> = []
        for goal in goals?.goals ?? [] {
            let checked: HerdPolicy.Goal
            do throws(PolicyError) {
                checked = try HerdPolicy.Goal(name: goal.name, lambda: goal.lambda)
            } catch {
                throw CallError(.invalidArgument, "\(field): \(error.description)")
            }
            guard seen.insert(checked.kind).inserted else {
                throw CallError(.invalidArgument, "\(field): goal '\(goal.name)' is given twice")
            }
            append(checked)
        }
    }
}

extension RoutingConstraints {
    init(_ constraints: Constraints?, field: String) throws(CallError) {
        guard let constraints else {
            self.init()
            return
        }
        for (name, list) in [
            ("allow", constraints.allow), ("deny", constraints.deny), ("capabilities", constraints.capabilities),
        ] {
            guard list.count <= 10_000 else {
                throw CallError(.invalidArgument, "\(field).\(name) holds at most 10000 names, not \(list.count)")
            }
            for entry in list { try Check.length(entry, field: "\(field).\(name)", atMost: Check.longestName) }
        }
        func limit(_ value: Double) -> Double? { value == 0 ? nil : value }
        var rounds: Int?
        if case .maxRefineRounds(let most)? = constraints.refinement { rounds = Int(most) }
        self.init(
            allow: constraints.allow.isEmpty ? nil : Set(constraints.allow), deny: Set(constraints.deny),
            capabilities: Set(constraints.capabilities), maxCostUSD: limit(constraints.maxCostUsd),
            maxLatencySeconds: limit(constraints.maxLatencySeconds), maxParametersB: limit(constraints.maxParametersB),
            maxMemoryGB: limit(constraints.maxMemoryGb), localOnly: constraints.localOnly,
            minContextTokens: constraints.minContextTokens == 0 ? nil : Int(constraints.minContextTokens),
            maxPriceOut: limit(constraints.maxPriceOut), maxRefineRounds: rounds)
        do throws(PolicyError) {
            try validate()
        } catch {
            throw CallError(.invalidArgument, "\(field): \(error.description)")
        }
    }
}

extension ConstraintsRecord {
    init(_ constraints: Constraints) {
        self.init(
            allow: constraints.allow, deny: constraints.deny, capabilities: constraints.capabilities,
            maxCostUsd: constraints.maxCostUsd, maxLatencySeconds: constraints.maxLatencySeconds,
            maxParametersB: constraints.maxParametersB, maxMemoryGb: constraints.maxMemoryGb,
            localOnly: constraints.localOnly, minContextTokens: constraints.minContextTokens,
            maxPriceOut: constraints.maxPriceOut,
            refinement: constraints.refinement.map { limit in
                switch limit {
                case .maxRefineRounds(let rounds): .maxRefineRounds(rounds)
                }
            })
    }
}

extension Constraints {
    init(_ record: ConstraintsRecord) {
        self.init(
            allow: record.allow, deny: record.deny, capabilities: record.capabilities,
            maxCostUsd: record.maxCostUsd, maxLatencySeconds: record.maxLatencySeconds,
            maxParametersB: record.maxParametersB, maxMemoryGb: record.maxMemoryGb,
            localOnly: record.localOnly, minContextTokens: record.minContextTokens, maxPriceOut: record.maxPriceOut,
            refinement: record.refinement.map { limit in
                switch limit {
                case .maxRefineRounds(let rounds): .maxRefineRounds(rounds)
                }
            })
    }
}
