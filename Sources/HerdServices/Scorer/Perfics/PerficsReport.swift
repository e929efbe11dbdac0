import HerdFrames
import HerdMessages
import HerdPolicy
import HerdStore

/// Ranks models by PeRFICS, from stored evaluations and what the registry knows.
///
/// Performance is a model's mean score in the task; over all tasks it is that over all evaluations. Breadth is the mean of its
/// means in the other tasks; over all it is that of all tasks, each counted alike. The gain is that of the round asked for,
/// else of the one with the highest mean gain, over the evaluations that have it. Latency is what its stored answers took;
/// where there are none, what it declares. Where only a part of the evaluations is refined, what refinement changes is added
/// to the means of all of them, so that what is before and after it rests on the same questions.
struct PerficsReport {
    private let scores: MeasuredScores
    private let seconds: [String: MeasuredSeconds]
    private let registered: [String: Model]
    private let models: [String]
    private let weights: PerficsWeightSet
    private let round: Int

    static func answer(
        _ request: PerficsRequest, store: StoreEnvironment, source: RouterAnswers
    ) async throws -> PerficsResponse {
        let (weights, preset) = try weights(request)
        guard request.round <= 64 else {
            throw CallError(.invalidArgument, "round must be 0 (the best) to 64, not \(request.round)")
        }
        let report = try PerficsReport(
            request, weights: weights, scores: try MeasuredScores(store), seconds: try MeasuredSeconds.read(store),
            registered: try await source.registered())
        var response = PerficsResponse(
            weights: PerficsWeights(
                performance: weights.performance, gain: weights.gain, breadth: weights.breadth, cost: weights.cost),
            preset: preset)
        guard request.task.isEmpty else {
            response.rows = report.rows(request.task)
            return response
        }
        response.rows = report.rows(nil)
        response.tasks = report.scores.tasks.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            .map { PerficsTable(task: $0, rows: report.rows($0)) }
        return response
    }

    private init(
        _ request: PerficsRequest, weights: PerficsWeightSet, scores: MeasuredScores,
        seconds: [String: MeasuredSeconds], registered: [Model]
    ) throws(CallError) {
        let known = scores.models
        guard !known.isEmpty else {
            throw CallError(
                .failedPrecondition, "there are no evaluations; herdctl evaluate SUITE measures the herd's models")
        }
        guard request.task.isEmpty || scores.tasks[request.task] != nil else {
            let tasks = scores.tasks.keys.sorted().prefix(20).joined(separator: ", ")
            throw CallError(.notFound, "no evaluation is of task '\(request.task.prefix(200))'; there are \(tasks)")
        }
        if let missing = request.models.first(where: { !known.contains($0) }) {
            throw CallError(.notFound, "no evaluation has a score of model '\(missing.prefix(200))'")
        }
        let chosen = request.models.isEmpty ? known : Set(request.models)
        models = chosen.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        self.weights = weights
        self.scores = scores
        self.seconds = seconds
        self.registered = Dictionary(registered.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        round = Int(request.round)
    }

    private static func weights(_ request: PerficsRequest) throws(CallError) -> (PerficsWeightSet, String) {
        if let given = request.weights {
            let weights = PerficsWeightSet(
                performance: given.performance, gain: given.gain, breadth: given.breadth, cost: given.cost)
            guard weights.isUsable else {
                throw CallError(
                    .invalidArgument, "weights must be 0 to 1e6 each and not all 0: performance, gain, breadth, cost")
            }
            return (weights, "")
        }
        let name = request.preset.isEmpty ? PerficsWeightSet.Preset.personal.rawValue : request.preset
        guard let preset = PerficsWeightSet.Preset(rawValue: name) else {
            let names = PerficsWeightSet.Preset.allCases.map(\.rawValue).joined(separator: ", ")
            throw CallError(.invalidArgument, "there is no preset '\(name.prefix(80))'; there are \(names)")
        }
        return (preset.weights, name)
    }

    // MARK: - Rows

    /// - Parameter task: nil = over all.
    private func rows(_ task: String?) -> [PerficsRow] {
        let sums = Dictionary(
            uniqueKeysWithValues: models.map { model in
                (model, task.map { scores.tasks[$0]?[model] ?? MeasuredScores.Sum() } ?? scores.overall(model))
            })
        let facts = models.map { model in
            PerficsFacts(
                model: model, performance: sums[model]?.mean, gain: sums[model]?.round(round)?.result.meanGain,
                breadth: scores.breadth(model, besides: task), memoryGB: memory(model), latencySeconds: latency(model))
        }
        return PerficsRanking(facts, weights: weights).rows.map { row in
            let sum = sums[row.facts.model] ?? MeasuredScores.Sum()
            let refined = sum.round(round)
            let refinedScore = sum.mean.flatMap { mean in refined.map { min(1, max(0, mean + $0.result.meanGain)) } }
            let refinedCost = sum.meanCost.flatMap { cost in refined?.result.meanCost.map { cost + $0 } }
            let refinedSeconds = refined.flatMap { seconds[row.facts.model]?.mean(after: $0.number) }
            return PerficsRow(
                model: row.facts.model, score: row.score ?? 0, performance: Self.term(row[.performance]),
                gain: Self.term(row[.gain]), breadth: Self.term(row[.breadth]), cost: Self.term(row[.cost]),
                missing: row.missing.flatMap { reasons($0, row.facts) }, evaluations: UInt64(clamping: sum.evaluations),
                memory: row.facts.memoryGB.map { .memoryGb($0) },
                latency: row.facts.latencySeconds.map { .latencySeconds($0) },
                answerCost: sum.meanCost.map { .costUsd($0) }, refinedCost: refinedCost.map { .refinedCostUsd($0) },
                refined: refinedScore.map { .refinedScore($0) }, ranked: row.score != nil,
                refinedLatency: refinedSeconds.map { .refinedLatencySeconds($0) })
        }
    }

    private static func term(_ value: PerficsRanking.TermValue?) -> PerficsTerm {
        guard let value else { return PerficsTerm() }
        return PerficsTerm(value: value.value, scaled: value.scaled, points: value.points, known: true)
    }

    private func memory(_ model: String) -> Double? {
        registered[model].flatMap { $0.memoryGb > 0 ? $0.memoryGb : nil }
    }

    private func latency(_ model: String) -> Double? {
        if let measured = seconds[model]?.mean(after: 0) { return measured }
        guard let declared = registered[model], declared.tokensPerSecond > 0 else { return nil }
        let tokens = declared.outputTokens > 0 ? declared.outputTokens : Double(CostEstimate.undeclaredOutputTokens)
        return declared.firstTokenSeconds + tokens / declared.tokensPerSecond
    }

    private func reasons(_ term: PerficsRanking.Term, _ facts: PerficsFacts) -> [String] {
        switch term {
        case .performance: return ["performance: no evaluation of the task has its score"]
        case .gain:
            return [
                round == 0
                    ? "gain: no refined evaluations; herdctl evaluate --rounds measures it"
                    : "gain: round \(round) was not measured"
            ]
        case .breadth: return ["breadth: no evaluations of another task"]
        case .cost:
            let isKnown = registered[facts.model] != nil
            var reasons: [String] = []
            if facts.memoryGB == nil {
                reasons.append(isKnown ? "cost: memory_gb is not declared" : "cost: no memory, it is not registered")
            }
            if facts.latencySeconds == nil {
                reasons.append("cost: no latency, neither measured answers nor a declared tokens_per_second")
            }
            return reasons
        }
    }
}
