/// What is known of a request before any model has run.
package struct RequestFacts: Sendable, Equatable {
    /// Estimated length of the prompt in tokens.
    package var promptTokens: Int
    /// Expected answer length in tokens where the caller gave one.
    package var expectedOutputTokens: Int?
    /// Tokens after which the answer is cut off, where the caller said so: no more are expected.
    package var maximumOutputTokens: Int?
    package var neededCapabilities: Set<String>
    /// The chosen model is going to be run, so that it has to have an endpoint.
    package var needsEndpoint: Bool

    package init(
        promptTokens: Int, expectedOutputTokens: Int? = nil, maximumOutputTokens: Int? = nil,
        neededCapabilities: Set<String> = [], needsEndpoint: Bool = false
    ) {
        self.promptTokens = promptTokens
        self.expectedOutputTokens = expectedOutputTokens
        self.maximumOutputTokens = maximumOutputTokens
        self.neededCapabilities = neededCapabilities
        self.needsEndpoint = needsEndpoint
    }
}

/// An amount `C_j(m)` and whether a documented stand-in had to be used for a fact the model does not declare.
package struct GoalAmount: Sendable, Equatable {
    package var value: Double
    package var isAssumed: Bool
}

/// Pessimistic stand-ins, so that a model never gains by not declaring a fact.
package enum AssumedFacts {
    /// US dollars per million tokens.
    package static let price = Price(input: 10, output: 30)
    package static let latencySeconds = 30.0
    package static let parametersB = 500.0
    package static let ageYears = 5.0
    package static let memoryGB = 1_000.0
}

/// The amounts of one model for one request.
package struct RequestAmounts: Sendable, Equatable {
    package var cost: GoalAmount
    package var latency: GoalAmount
    /// Expected length of the answer that is handed out, with or without refinement.
    package let outputTokens: Int
    private let promptTokens: Int
    private let model: ModelProfile
    private let ageReference: CalendarDay

    /// - Parameter measuredCost: US dollars expected from measured costs; nil or not finite where there are none, and
    ///   the list price times the expected tokens is used.
    package init(
        model: ModelProfile, request: RequestFacts, measuredCost: Double?, policy: RoutingPolicy
    ) {
        self.model = model
        promptTokens = request.promptTokens
        ageReference = policy.ageReference
        let expected = request.expectedOutputTokens ?? model.outputTokens ?? policy.expectedOutputTokens
        let output = min(expected, request.maximumOutputTokens ?? expected)
        outputTokens = output
        if let measuredCost, measuredCost.isFinite {
            cost = GoalAmount(value: max(0, measuredCost), isAssumed: false)
        } else {
            let price = model.price ?? AssumedFacts.price
            cost = GoalAmount(
                value: price.cost(promptTokens: request.promptTokens, outputTokens: output),
                isAssumed: model.price == nil)
        }
        if let rate = model.tokensPerSecond, rate > 0 {
            latency = GoalAmount(value: (model.firstTokenSeconds ?? 0) + Double(output) / rate, isAssumed: false)
        } else {
            latency = GoalAmount(value: AssumedFacts.latencySeconds, isAssumed: true)
        }
    }

    /// The amounts of the draft with so many rounds of refinement.
    ///
    /// - Parameter measuredCost: US dollars of the rounds together, expected from measured costs; nil or not finite where
    ///   there are none, and the list price times the tokens of `Refinement` is used.
    func refined(rounds: Int, measuredCost: Double?) -> RequestAmounts {
        var result = self
        if let measuredCost, measuredCost.isFinite {
            result.cost.value += max(0, measuredCost)
        } else {
            let price = model.price ?? AssumedFacts.price
            let tokens = Refinement.tokens(promptTokens: promptTokens, outputTokens: outputTokens)
            result.cost.value += Double(rounds) * price.cost(promptTokens: tokens.read, outputTokens: tokens.written)
            result.cost.isAssumed = cost.isAssumed || model.price == nil
        }
        let seconds: Double
        if let rate = model.tokensPerSecond, rate > 0 {
            let written = Refinement.tokens(promptTokens: promptTokens, outputTokens: outputTokens).written
            seconds = Double(Refinement.callsPerRound) * (model.firstTokenSeconds ?? 0) + Double(written) / rate
        } else {
            seconds = Double(Refinement.callsPerRound) * AssumedFacts.latencySeconds
        }
        result.latency.value += Double(rounds) * seconds
        return result
    }

    package func amount(of kind: GoalKind) -> GoalAmount {
        switch kind {
        case .cost: cost
        case .latency: latency
        case .size: declared(model.parametersB, else: AssumedFacts.parametersB)
        case .activeSize: declared(model.activeB ?? model.parametersB, else: AssumedFacts.parametersB)
        case .age: declared(model.released?.years(until: ageReference), else: AssumedFacts.ageYears)
        case .verbosity: GoalAmount(value: Double(outputTokens), isAssumed: false)
        case .memory: declared(model.memoryGB, else: AssumedFacts.memoryGB)
        }
    }

    private func declared(_ value: Double?, else assumed: Double) -> GoalAmount {
        GoalAmount(value: value ?? assumed, isAssumed: value == nil)
    }
}
