import Glibc
import HerdFrames
import HerdMessages
import HerdPolicy

/// All that requests have in common which differ in nothing but their prompts, of one tenant and under one view.
final class PreparedRoute {
    let ranking: PreparedRanking
    let predictor: FollowedPredictor
    let readsFlags: Bool
    /// The fingerprint as far as tenant and predictor version make it.
    let fingerprint: SipHash128
    /// What all its decisions have in common, for the log.
    let frame: DecisionFrame
    /// Of the reply: what stands between candidates and topic, packed.
    let fixedFields: [UInt8]
    /// The same for a prediction that was not cached.
    let fixedFieldsOfNew: [UInt8]
    /// By model: the field `model` of its candidate, packed, and the same of the reply.
    let names: [[UInt8]]
    /// By model: its latency.
    let latencies: [Double]
    /// The topics' names as the field `topic`, packed, and as they are.
    let topics: [(field: [UInt8], name: [UInt8])]
    /// More than a reply's and a log entry's fixed parts and their candidates take.
    let mostReplyBytes: Int

    private let tenant: [UInt8]
    private let head: [UInt8]
    private let tail: [UInt8]

    /// Nil for requests that have to be decided the long way, and for wrong ones: what is wrong is told there.
    init?(
        _ request: RouteRequest, _ outline: RequestOutline, tenant: UnsafeRawBufferPointer, view: RoutingView,
        cache: PredictionCache
    ) {
        let tenantName = String(decoding: tenant, as: UTF8.self)
        guard let predictor = view.predictor, request.session.isEmpty, !request.explain,
            let plan = try? RoutePlan(request, view: view),
            tenantName.isEmpty || (try? Check.name(tenantName, field: "tenant")) != nil,
            let ranking = PreparedRanking(
                view.models, predicted: view.places, request: plan.facts(predictedTokens: 0), policy: plan.policy,
                goals: plan.goals, constraints: plan.constraints),
            ranking.slotCount <= BriefDecision.mostPlaces,
            // Flags of this very prompt are in its goals.
            plan.prompt.flags.map({ $0.known.isEmpty && $0.unknown.isEmpty }) ?? true,
            // Its gains are weighed the long way.
            predictor.rounds == 0 || !ranking.mayRefine
        else { return nil }
        self.tenant = Array(tenant)
        head = Array(outline.head)
        tail = Array(outline.tail)
        self.ranking = ranking
        self.predictor = predictor
        readsFlags = plan.policy.readsPromptFlags
        fingerprint = cache.fingerprintBase(tenant: tenantName, predictor: predictor)
        names = ranking.common.map { Candidate(model: $0.name).pack() }
        latencies = ranking.common.map(\.latencySeconds)
        topics = predictor.topics.map { (RouteResponse(topic: $0).pack(), Array($0.utf8)) }
        var fixed = RouteResponse()
        fixed.predictorVersion = predictor.version
        fixed.cached = true
        fixed.policy = plan.policy.name
        fixed.policyRevision = plan.policyRevision
        fixed.registryRevision = view.registry.revision
        fixed.measurementRevision = view.measurements.revision
        fixedFields = fixed.pack()
        fixed.cached = false
        fixedFieldsOfNew = fixed.pack()
        mostReplyBytes =
            256 + fixedFields.count + names.reduce(0) { $0 + $1.count + 64 } + (names.map(\.count).max() ?? 0)
            + (topics.map(\.field.count).max() ?? 0)
        var common = DecisionRecord()
        common.tenant = tenantName
        common.candidates = ranking.common.map(CandidateRecord.init)
        common.predictorVersion = predictor.version
        common.policy = plan.policy.name
        common.policyRevision = plan.policyRevision
        common.registryRevision = view.registry.revision
        common.measurementRevision = view.measurements.revision
        frame = DecisionFrame(common)
    }

    /// Whether a request is one of these.
    func matches(_ outline: RequestOutline, tenant: UnsafeRawBufferPointer) -> Bool {
        Self.equal(tail, outline.tail) && Self.equal(head, outline.head) && Self.equal(self.tenant, tenant)
    }

    private static func equal(_ mine: [UInt8], _ other: UnsafeRawBufferPointer) -> Bool {
        guard mine.count == other.count, let start = other.baseAddress else { return mine.count == other.count }
        return mine.withUnsafeBytes { mine in
            mine.baseAddress.map { memcmp($0, start, other.count) == 0 } ?? true
        }
    }
}
