import HerdMessages

extension RunRecord {
    /// - Parameter generation: what the run cost and how long it took; absent where nothing was asked.
    init(
        code: UInt32, error: String, generation: GenerationFinish?, refineRounds: UInt32 = 0,
        transcriptID: String = ""
    ) {
        self.init(
            code: code, error: error, reason: generation?.reason ?? "", model: generation?.model ?? "",
            endpoint: generation?.endpoint ?? "", usage: generation?.usage.map(UsageRecord.init),
            attempts: generation?.attempts.map(AttemptRecord.init) ?? [],
            firstTokenSeconds: generation?.firstTokenSeconds ?? 0, seconds: generation?.seconds ?? 0,
            refineRounds: refineRounds, transcriptId: transcriptID)
    }
}

extension UsageRecord {
    init(_ usage: Usage) {
        self.init(
            promptTokens: usage.promptTokens, completionTokens: usage.completionTokens,
            cachedTokens: usage.cachedTokens, estimated: usage.estimated, costUsd: usage.costUsd,
            costEstimated: usage.costEstimated)
    }
}

extension AttemptRecord {
    init(_ attempt: Attempt) {
        self.init(
            model: attempt.model, endpoint: attempt.endpoint, code: attempt.code, error: attempt.error,
            seconds: attempt.seconds)
    }
}

extension Usage {
    init(_ record: UsageRecord) {
        self.init(
            promptTokens: record.promptTokens, completionTokens: record.completionTokens,
            cachedTokens: record.cachedTokens, estimated: record.estimated, costUsd: record.costUsd,
            costEstimated: record.costEstimated)
    }
}

extension RunOutcome {
    init(_ record: RunRecord) {
        let generation = GenerationFinish(
            reason: record.reason, usage: record.usage.map(Usage.init), model: record.model,
            endpoint: record.endpoint,
            attempts: record.attempts.map {
                Attempt(
                    model: $0.model, endpoint: $0.endpoint, code: $0.code, error: $0.error, seconds: $0.seconds)
            }, firstTokenSeconds: record.firstTokenSeconds, seconds: record.seconds)
        self.init(
            code: record.code, error: record.error, generation: generation, refineRounds: record.refineRounds,
            transcriptId: record.transcriptId)
    }
}
