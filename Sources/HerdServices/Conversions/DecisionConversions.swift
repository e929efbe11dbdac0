import HerdMessages
import HerdPolicy

extension Candidate {
    /// - Parameter explain: whether the terms of the utility go along.
    init(_ ranked: RankedCandidate, explain: Bool) {
        self.init()
        model = ranked.name
        quality = ranked.quality
        utility = ranked.utility
        costUsd = ranked.costUSD
        refineRounds = UInt32(clamping: ranked.refineRounds)
        latencySeconds = ranked.latencySeconds
        prior = ranked.isPrior
        excludedBecause = ranked.excludedBecause ?? ""
        if explain { contributions = ranked.terms.map(Contribution.init) }
    }

    init(_ record: CandidateRecord) {
        self.init()
        model = record.model
        quality = record.quality
        utility = record.utility
        costUsd = record.costUsd
        refineRounds = record.refineRounds
        excludedBecause = record.excludedBecause
        contributions = record.contributions.map {
            Contribution(
                name: $0.name, value: $0.value, amount: $0.amount, lambda: $0.lambda, unit: $0.unit,
                assumed: $0.assumed)
        }
        prior = record.prior
        latencySeconds = record.latencySeconds
    }
}

extension Contribution {
    init(_ term: UtilityTerm) {
        self.init(
            name: term.name, value: term.value, amount: term.amount, lambda: term.lambda,
            unit: term.unit, assumed: term.isAssumed)
    }
}

extension CandidateRecord {
    init(_ ranked: RankedCandidate) {
        self.init()
        model = ranked.name
        quality = ranked.quality
        utility = ranked.utility
        costUsd = ranked.costUSD
        refineRounds = UInt32(clamping: ranked.refineRounds)
        latencySeconds = ranked.latencySeconds
        prior = ranked.isPrior
        excludedBecause = ranked.excludedBecause ?? ""
        contributions = ranked.terms.map { term in
            ContributionRecord(
                name: term.name, value: term.value, amount: term.amount, lambda: term.lambda,
                unit: term.unit, assumed: term.isAssumed)
        }
    }
}

extension RouteResponse {
    init(_ record: DecisionRecord) {
        self.init()
        decisionId = record.decisionId
        model = record.model
        candidates = record.candidates.map(Candidate.init)
        predictorVersion = record.predictorVersion
        degraded = record.degraded
        degradedBecause = record.degradedBecause
        policy = record.policy
        policyRevision = record.policyRevision
        registryRevision = record.registryRevision
        measurementRevision = record.measurementRevision
        flags = record.flags
        unknownFlags = record.unknownFlags
        topic = record.topic
        topicProbability = record.topicProbability
        promptTokens = record.promptTokens
        sessionModelKept = record.sessionModelKept
    }
}

extension Decision {
    init(_ record: DecisionRecord) {
        self.init()
        decisionId = record.decisionId
        timeUnixMs = record.timeUnixMs
        tenant = record.tenant
        response = RouteResponse(record)
        fingerprint = record.fingerprint.map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
        prompt = record.prompt
    }
}
