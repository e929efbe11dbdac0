import HerdPolicy

/// Everything a decision rests on, immutable: registry and predictor as of their revisions, joined once per change
/// instead of once per call.
final class RoutingView: Sendable {
    let registry: RegistrySnapshot
    let predictor: FollowedPredictor?
    /// For each model of the registry its place in the predictor's order; nil for one the predictor has not seen.
    let places: [Int?]

    init(registry: RegistrySnapshot, predictor: FollowedPredictor?) {
        self.registry = registry
        self.predictor = predictor
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
