extension RoutingConstraints {
    /// Why the model may not be chosen for the request, in a sentence; nil when it may.
    ///
    /// A limit on a fact that the model does not declare excludes it: a hard limit is a promise to the caller.
    package func exclusion(of model: ModelProfile, request: RequestFacts, amounts: RequestAmounts) -> String? {
        if let allow, !allow.contains(model.name) { return "not among the allowed models" }
        if deny.contains(model.name) { return "denied" }
        if localOnly, !model.isLocal { return "not local" }
        if request.needsEndpoint, !model.hasEndpoints { return "has no endpoint to run it at" }
        if let missing = missingCapability(of: model, request: request) { return "lacks the capability '\(missing)'" }
        if let reason = contextExclusion(of: model, request: request, outputTokens: amounts.outputTokens) {
            return reason
        }
        return exceeded("cost", amounts.cost.isAssumed ? nil : amounts.cost.value, maxCostUSD, "USD")
            ?? exceeded("latency", amounts.latency.isAssumed ? nil : amounts.latency.value, maxLatencySeconds, "s")
            ?? exceeded("size", model.parametersB, maxParametersB, "B parameters")
            ?? exceeded("memory", model.memoryGB, maxMemoryGB, "GB")
            ?? exceeded("output price", model.price?.output, maxPriceOut, "USD per million tokens")
    }

    /// Whether an answer with rounds of refinement keeps the limits; the draft alone was found to keep the others.
    ///
    /// - Parameter amounts: those of the draft and its rounds together.
    func permitRefinement(of model: ModelProfile, request: RequestFacts, amounts: RequestAmounts) -> Bool {
        if let context = model.context,
            Refinement.longestCall(promptTokens: request.promptTokens, outputTokens: amounts.outputTokens) > context
        {
            return false
        }
        if let maxCostUSD, amounts.cost.isAssumed || amounts.cost.value > maxCostUSD { return false }
        if let maxLatencySeconds, amounts.latency.isAssumed || amounts.latency.value > maxLatencySeconds {
            return false
        }
        return true
    }

    private func missingCapability(of model: ModelProfile, request: RequestFacts) -> String? {
        let needed = request.neededCapabilities.union(capabilities)
        if needed.isEmpty { return nil }
        return needed.subtracting(model.capabilities).min()
    }

    private func contextExclusion(of model: ModelProfile, request: RequestFacts, outputTokens: Int) -> String? {
        guard let context = model.context else {
            return minContextTokens == nil ? nil : "context window not declared, \(minContextTokens ?? 0) tokens wanted"
        }
        if request.promptTokens >= context {
            return "context window of \(context) tokens is too small for a prompt of about \(request.promptTokens)"
        }
        if let least = minContextTokens, context < least {
            return "context window of \(context) tokens is under the \(least) wanted"
        }
        return nil
    }

    private func exceeded(_ what: String, _ value: Double?, _ limit: Double?, _ unit: String) -> String? {
        guard let limit else { return nil }
        guard let value else { return "\(what) not declared, limit \(limit) \(unit)" }
        // Single precision prints a sum such as 7.120000000000001e-05 as a person would write it.
        return value > limit ? "\(what) of \(Float(value)) \(unit) is over the limit of \(Float(limit))" : nil
    }
}
