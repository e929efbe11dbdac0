/// Hard limits: a model that breaks one is never chosen, whatever its utility. Nil or empty means no limit.
package struct RoutingConstraints: Sendable, Equatable {
    /// Only these models, where any are named.
    package var allow: Set<String>?
    package var deny: Set<String>
    package var capabilities: Set<String>
    package var maxCostUSD: Double?
    package var maxLatencySeconds: Double?
    package var maxParametersB: Double?
    package var maxMemoryGB: Double?
    package var localOnly: Bool
    /// Tokens of context the model must offer at least.
    package var minContextTokens: Int?
    /// US dollars per million output tokens.
    package var maxPriceOut: Double?
    /// Rounds of refinement at most; nil leaves it to what they are expected to bring.
    package var maxRefineRounds: Int?

    package init(
        allow: Set<String>? = nil, deny: Set<String> = [], capabilities: Set<String> = [], maxCostUSD: Double? = nil,
        maxLatencySeconds: Double? = nil, maxParametersB: Double? = nil, maxMemoryGB: Double? = nil,
        localOnly: Bool = false, minContextTokens: Int? = nil, maxPriceOut: Double? = nil,
        maxRefineRounds: Int? = nil
    ) {
        self.allow = allow
        self.deny = deny
        self.capabilities = capabilities
        self.maxCostUSD = maxCostUSD
        self.maxLatencySeconds = maxLatencySeconds
        self.maxParametersB = maxParametersB
        self.maxMemoryGB = maxMemoryGB
        self.localOnly = localOnly
        self.minContextTokens = minContextTokens
        self.maxPriceOut = maxPriceOut
        self.maxRefineRounds = maxRefineRounds
    }

    /// Both sets of limits together: of two limits the tighter one holds.
    package func tightened(by other: RoutingConstraints) -> RoutingConstraints {
        func lower<Limit: Comparable>(_ left: Limit?, _ right: Limit?) -> Limit? {
            guard let left, let right else { return left ?? right }
            return min(left, right)
        }
        var result = self
        if let others = other.allow { result.allow = allow.map { $0.intersection(others) } ?? others }
        result.deny.formUnion(other.deny)
        result.capabilities.formUnion(other.capabilities)
        result.maxCostUSD = lower(maxCostUSD, other.maxCostUSD)
        result.maxLatencySeconds = lower(maxLatencySeconds, other.maxLatencySeconds)
        result.maxParametersB = lower(maxParametersB, other.maxParametersB)
        result.maxMemoryGB = lower(maxMemoryGB, other.maxMemoryGB)
        result.localOnly = localOnly || other.localOnly
        if let least = other.minContextTokens { result.minContextTokens = max(minContextTokens ?? 0, least) }
        result.maxPriceOut = lower(maxPriceOut, other.maxPriceOut)
        result.maxRefineRounds = lower(maxRefineRounds, other.maxRefineRounds)
        return result
    }

    /// Checks numbers that came from outside.
    package func validate() throws(PolicyError) {
        let limits: [(String, Double?)] = [
            ("max_cost_usd", maxCostUSD), ("max_latency_seconds", maxLatencySeconds),
            ("max_parameters_b", maxParametersB), ("max_memory_gb", maxMemoryGB), ("max_price_out", maxPriceOut),
        ]
        for (name, limit) in limits {
            if let limit, !(limit.isFinite && limit > 0) {
                throw PolicyError("constraint \(name) must be a number above 0 (0 means no limit), not \(limit)")
            }
        }
        if let maxRefineRounds, !(0...Refinement.mostRounds).contains(maxRefineRounds) {
            throw PolicyError(
                "constraint max_refine_rounds must be from 0 (never refine) to \(Refinement.mostRounds), not "
                    + "\(maxRefineRounds)")
        }
    }
}
