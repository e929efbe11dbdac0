import HerdFrames
import HerdMessages
import HerdPolicy

/// A ranking with all it rests on: what the reply says and the log keeps.
struct RoutedDecision: Sendable {
    var ranking: CandidateRanking
    var model: String
    var predictorVersion: String
    var topic: String
    var topicProbability: Double
    var promptTokens: Int
    var degradedBecause: String?
    var policy: String
    var policyRevision: UInt64
    var registryRevision: UInt64
    var measurementRevision: UInt64
    /// The model is first because the session has it.
    var isSessionModelKept = false
    var flags: PromptFlags?
    var embedding: [UInt8]

    /// From a prediction.
    init(_ plan: RoutePlan, view: RoutingView, predictor: FollowedPredictor, prediction: CachedPrediction)
        throws(CallError)
    {
        let inputs = zip(view.models, view.places).map { model, place in
            CandidateInput(
                model: model, quality: place.map { Double(prediction.qualities[$0]) },
                measuredCost: prediction.costs.isEmpty ? nil : place.map { Double(prediction.costs[$0]) },
                gains: place.map { prediction.rounds(of: $0, in: prediction.gains) } ?? [],
                roundCosts: place.map { prediction.rounds(of: $0, in: prediction.roundCosts) } ?? [])
        }
        try self.init(
            plan, view: view, inputs: inputs, promptTokens: Int(prediction.promptTokens),
            prior: Double(prediction.prior))
        predictorVersion = predictor.version
        let place = Int(prediction.topic)
        topic = predictor.topics.indices.contains(place) ? predictor.topics[place] : ""
        topicProbability = Double(prediction.topicProbability)
        embedding = prediction.embedding
    }

    /// Without one: the policy's default model or, where it names none, every model by its mean score.
    init(_ plan: RoutePlan, view: RoutingView, degradedBecause reason: String) throws(CallError) {
        try Self.checkHerd(view)
        let tokens = (plan.prompt.text.utf8.count + 3) / 4
        func mean(_ place: Int?) -> Double? {
            guard let place, let means = view.predictor?.means, means.indices.contains(place) else { return nil }
            return Double(means[place])
        }
        if let name = plan.policy.defaultModel {
            guard let index = view.models.firstIndex(where: { $0.name == name }) else {
                throw CallError(
                    .failedPrecondition,
                    "\(reason), and the default model '\(name)' of policy '\(plan.policy.name)' is not in the herd; "
                        + "add it with herdctl model add")
            }
            let input = CandidateInput(
                model: view.models[index], quality: mean(view.places[index]) ?? 0)
            try self.init(plan, view: view, inputs: [input], promptTokens: tokens, prior: nil)
        } else {
            guard let predictor = view.predictor, !predictor.means.isEmpty else {
                throw CallError(
                    .failedPrecondition,
                    "\(reason), and policy '\(plan.policy.name)' names no default model; import evaluations and "
                        + "run herdctl train --promote, or set default_model with herdctl policy set")
            }
            let inputs = zip(view.models, view.places).map { model, place in
                CandidateInput(model: model, quality: mean(place))
            }
            let means = predictor.means.reduce(0.0) { $0 + Double($1) } / Double(predictor.means.count)
            try self.init(plan, view: view, inputs: inputs, promptTokens: tokens, prior: means)
            predictorVersion = predictor.version
        }
        degradedBecause = reason
    }

    private init(
        _ plan: RoutePlan, view: RoutingView, inputs: [CandidateInput], promptTokens tokens: Int, prior: Double?
    ) throws(CallError) {
        try Self.checkHerd(view)
        let facts = plan.facts(predictedTokens: tokens)
        ranking = CandidateRanking(
            inputs, request: facts, policy: plan.policy, goals: plan.goals, constraints: plan.constraints,
            prior: prior)
        guard let first = ranking.candidates.first else { throw Self.nobodyLeft(ranking.excluded) }
        model = first.name
        predictorVersion = ""
        topic = ""
        topicProbability = 0
        promptTokens = facts.promptTokens
        policy = plan.policy.name
        policyRevision = plan.policyRevision
        registryRevision = view.registry.revision
        measurementRevision = view.measurements.revision
        flags = plan.prompt.flags
        embedding = []
    }

    /// Puts a conversation's model first, unless another is better by the margin or it may not be chosen.
    mutating func keepSession(with model: String, margin: Double) {
        let candidates = ranking.candidates
        guard let place = candidates.firstIndex(where: { $0.name == model }), place > 0,
            candidates[0].utility - candidates[place].utility < margin
        else { return }
        ranking.candidates.remove(at: place)
        ranking.candidates.insert(candidates[place], at: 0)
        self.model = model
        isSessionModelKept = true
    }

    private static func checkHerd(_ view: RoutingView) throws(CallError) {
        guard view.registry.models.isEmpty else { return }
        throw CallError(.failedPrecondition, "the herd is empty; add models with herdctl model add")
    }

    private static func nobodyLeft(_ excluded: [RankedCandidate]) -> CallError {
        let shown = excluded.prefix(20).map { "\($0.name): \($0.excludedBecause ?? "excluded")" }
        let more = excluded.count > shown.count ? " and \(excluded.count - shown.count) more" : ""
        return CallError(
            .failedPrecondition, "no model is left: " + shown.joined(separator: "; ") + more)
    }
}

extension RouteResponse {
    init(_ decision: RoutedDecision, id: String, cached: Bool, explain: Bool) {
        self.init()
        decisionId = id
        model = decision.model
        candidates = decision.ranking.candidates.map { Candidate($0, explain: explain) }
        if explain { candidates += decision.ranking.excluded.map { Candidate($0, explain: true) } }
        predictorVersion = decision.predictorVersion
        self.cached = cached
        degraded = decision.degradedBecause != nil
        degradedBecause = decision.degradedBecause ?? ""
        policy = decision.policy
        policyRevision = decision.policyRevision
        registryRevision = decision.registryRevision
        measurementRevision = decision.measurementRevision
        sessionModelKept = decision.isSessionModelKept
        flags = decision.flags?.known.map(\.rawValue) ?? []
        unknownFlags = decision.flags?.unknown ?? []
        topic = decision.topic
        topicProbability = decision.topicProbability
        promptTokens = UInt32(clamping: decision.promptTokens)
    }
}

extension DecisionRecord {
    /// Without its id, which the log gives.
    init(_ decision: RoutedDecision, tenant: String, fingerprint: [UInt8], timeMs: UInt64, prompt: String) {
        self.init()
        timeUnixMs = timeMs
        self.tenant = tenant
        model = decision.model
        candidates = (decision.ranking.candidates + decision.ranking.excluded).map(CandidateRecord.init)
        predictorVersion = decision.predictorVersion
        degraded = decision.degradedBecause != nil
        degradedBecause = decision.degradedBecause ?? ""
        policy = decision.policy
        policyRevision = decision.policyRevision
        registryRevision = decision.registryRevision
        measurementRevision = decision.measurementRevision
        sessionModelKept = decision.isSessionModelKept
        flags = decision.flags?.known.map(\.rawValue) ?? []
        unknownFlags = decision.flags?.unknown ?? []
        topic = decision.topic
        topicProbability = decision.topicProbability
        promptTokens = UInt32(clamping: decision.promptTokens)
        self.fingerprint = fingerprint
        self.prompt = prompt
        embedding = decision.embedding
    }
}
