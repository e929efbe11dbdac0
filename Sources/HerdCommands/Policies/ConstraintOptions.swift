import ArgumentParser
import HerdMessages

/// The hard limits that `policy set` and `route` share.
struct ConstraintOptions: ParsableArguments {
    @Option(help: "Only this model; may be repeated.")
    var allow: [String] = []
    @Option(help: "Never this model; may be repeated.")
    var deny: [String] = []
    @Option(name: .customLong("capability"), help: "The model must have this capability; may be repeated.")
    var capabilities: [String] = []
    @Option(help: "US dollars a request may cost at most.")
    var maxCostUsd: Double?
    @Option(help: "Seconds a request may take at most.")
    var maxLatencySeconds: Double?
    @Option(help: "Billions of parameters at most.")
    var maxParametersB: Double?
    @Option(help: "Gigabytes of memory at most.")
    var maxMemoryGb: Double?
    @Option(help: "US dollars per million answer tokens at most.")
    var maxPriceOut: Double?
    @Option(help: "Tokens of context the model must offer.")
    var minContextTokens: UInt32?
    @Option(help: "Rounds of refinement at most, 0 (never) to 5; as many as pay if not given.")
    var maxRefineRounds: UInt32?
    @Flag(help: "Only models that run on your own machines.")
    var localOnly = false

    func validate() throws {
        if let maxRefineRounds, maxRefineRounds > 5 {
            throw ValidationError("--max-refine-rounds must be from 0 (never refine) to 5, not \(maxRefineRounds)")
        }
        let limits: [(String, Double?)] = [
            ("--max-cost-usd", maxCostUsd), ("--max-latency-seconds", maxLatencySeconds),
            ("--max-parameters-b", maxParametersB), ("--max-memory-gb", maxMemoryGb),
            ("--max-price-out", maxPriceOut),
        ]
        for case (let name, let limit?) in limits where !(limit > 0) {
            throw ValidationError("\(name) must be over 0, not \(limit); leave it out for no limit")
        }
    }

    /// Nil where no limit is given.
    var constraints: Constraints? {
        let constraints = Constraints(
            allow: allow, deny: deny, capabilities: capabilities, maxCostUsd: maxCostUsd ?? 0,
            maxLatencySeconds: maxLatencySeconds ?? 0, maxParametersB: maxParametersB ?? 0,
            maxMemoryGb: maxMemoryGb ?? 0, localOnly: localOnly, minContextTokens: minContextTokens ?? 0,
            maxPriceOut: maxPriceOut ?? 0,
            refinement: maxRefineRounds.map { .maxRefineRounds($0) })
        return constraints == Constraints() ? nil : constraints
    }
}
