import HerdPolicy

/// Everything a decision rests on, immutable: registry, predictor and measurements as of their revisions, joined once per
/// change instead of once per call.
final class RoutingView: Sendable {
    let registry: RegistrySnapshot
    let predictor: FollowedPredictor?
    let measurements: PublishedMeasurements
    /// The registry's models, with measured latencies in place of the declared ones.
    let models: [ModelProfile]
    /// For each model of the registry its place in the predictor's order; nil for one the predictor has not seen.
    let places: [Int?]

    init(
        registry: RegistrySnapshot, predictor: FollowedPredictor?,
        measurements: PublishedMeasurements = PublishedMeasurements()
    ) {
        self.registry = registry
        self.predictor = predictor
        self.measurements = measurements
        models = measurements.applied(to: registry.models)
        var order: [String: Int] = [:]
        for (place, model) in (predictor?.models ?? []).enumerated() { order[model] = place }
        places = registry.models.map { order[$0.name] }
    }

    /// The policy of a request; "" asks for "default", which exists without being stored.
    func policy(named name: String) -> (policy: RoutingPolicy, revision: UInt64)? {
        let name = name.isEmpty ? "default" : name
        if let stored = registry.policies[name] { return stored }
        return name == "default" ? (RoutingPolicy(name: name), 0) : nil
    }
}
