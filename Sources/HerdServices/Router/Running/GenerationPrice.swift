package import HerdBackends
package import HerdMessages
import HerdPolicy

/// What a model's tokens cost, in US dollars per million.
package struct GenerationPrice: Sendable, Equatable {
    private let input: Double
    private let output: Double
    private let cached: Double
    /// The model declares no price; a documented pessimistic one stands in.
    private let isAssumed: Bool

    package init(_ model: Model) {
        if model.free || model.priceIn > 0 || model.priceOut > 0 {
            input = model.priceIn
            output = model.priceOut
            // Not declared: what is cached costs what everything else does.
            cached = model.priceCached > 0 ? model.priceCached : model.priceIn
            isAssumed = false
        } else {
            input = AssumedFacts.price.input
            output = AssumedFacts.price.output
            cached = AssumedFacts.price.input
            isAssumed = true
        }
    }

    /// Billionths of a US dollar that so many tokens cost at most, cached or not.
    func most(prompt: Int, completion: Int) -> UInt64 {
        NanoUSD.of(usd: (Double(prompt) * max(input, cached) + Double(completion) * output) / 1_000_000)
    }

    /// Billionths of a US dollar.
    func nanoUSD(_ usage: Usage) -> UInt64 {
        let fresh = Double(usage.promptTokens - min(usage.promptTokens, usage.cachedTokens))
        let tokens = fresh * input + Double(usage.cachedTokens) * cached + Double(usage.completionTokens) * output
        return NanoUSD.of(usd: tokens / 1_000_000)
    }

    package func usage(_ tokens: TokenUsage) -> Usage {
        let cachedTokens = min(max(0, tokens.cached), max(0, tokens.prompt))
        let cost =
            (Double(max(0, tokens.prompt) - cachedTokens) * input + Double(cachedTokens) * cached
                + Double(max(0, tokens.completion)) * output) / 1_000_000
        return Usage(
            promptTokens: UInt32(clamping: tokens.prompt), completionTokens: UInt32(clamping: tokens.completion),
            cachedTokens: UInt32(clamping: cachedTokens), estimated: tokens.isEstimated, costUsd: cost,
            costEstimated: isAssumed || tokens.isEstimated)
    }
}
