/// The facts about one model that goals and constraints weigh. A nil fact is one nobody declared.
package struct ModelProfile: Sendable, Equatable {
    package var name: String
    /// Total parameters in billions.
    package var parametersB: Double?
    /// Parameters used per token in billions.
    package var activeB: Double?
    /// Context window in tokens.
    package var context: Int?
    package var price: Price?
    package var released: CalendarDay?
    /// Gigabytes the weights take.
    package var memoryGB: Double?
    package var capabilities: Set<String>
    /// Whether it runs on the operator's own machines.
    package var isLocal: Bool
    /// Seconds from request to first token.
    package var firstTokenSeconds: Double?
    package var tokensPerSecond: Double?
    /// Mean answer length in tokens.
    package var outputTokens: Int?
    /// Whether it is known where it can be run.
    package var hasEndpoints: Bool

    package init(
        name: String, parametersB: Double? = nil, activeB: Double? = nil, context: Int? = nil, price: Price? = nil,
        released: CalendarDay? = nil, memoryGB: Double? = nil, capabilities: Set<String> = [], isLocal: Bool = false,
        firstTokenSeconds: Double? = nil, tokensPerSecond: Double? = nil, outputTokens: Int? = nil,
        hasEndpoints: Bool = true
    ) {
        self.name = name
        self.parametersB = parametersB
        self.activeB = activeB
        self.context = context
        self.price = price
        self.released = released
        self.memoryGB = memoryGB
        self.capabilities = capabilities
        self.isLocal = isLocal
        self.firstTokenSeconds = firstTokenSeconds
        self.tokensPerSecond = tokensPerSecond
        self.outputTokens = outputTokens
        self.hasEndpoints = hasEndpoints
    }
}

/// List prices in US dollars per million tokens.
package struct Price: Sendable, Equatable {
    package var input: Double
    package var output: Double

    package init(input: Double, output: Double) {
        self.input = input
        self.output = output
    }

    /// US dollars for one request.
    package func cost(promptTokens: Int, outputTokens: Int) -> Double {
        (Double(promptTokens) * input + Double(outputTokens) * output) / 1_000_000
    }
}
