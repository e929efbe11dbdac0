import HerdDatasets
import HerdFrames
import HerdMessages

/// What a run is asked to do, checked.
struct EvaluationSettings: Sendable {
    static let mostRounds = 5

    let suite: String
    let rounds: Int
    /// Of questions without their own.
    let grader: GraderSpecification
    let options: GenerationOptions
    /// Tells answers apart that were got with other options; never 0.
    let optionsDigest: UInt64
    let ceiling: Double?
    let isDryRun: Bool
    let asksAgain: Bool
    /// Nil = what the endpoints take.
    let concurrency: Int?
    /// Empty = all.
    let ids: Set<String>
    /// Empty = every model with an endpoint.
    let models: [String]
    /// In place of the suite's, for a dry run; empty = what is stored.
    let items: [SuiteItemRecord]

    init(_ request: EvaluateRequest) throws(CallError) {
        try SuiteTable.check(suite: request.suite)
        guard request.rounds <= Self.mostRounds else {
            throw CallError(.invalidArgument, "rounds must be 0 to \(Self.mostRounds), not \(request.rounds)")
        }
        guard request.concurrency <= EvaluatedModel.mostConcurrency else {
            throw CallError(
                .invalidArgument,
                "concurrency must be 0 to \(EvaluatedModel.mostConcurrency), not \(request.concurrency)")
        }
        guard Set(request.models).count == request.models.count else {
            throw CallError(.invalidArgument, "models names a model twice")
        }
        suite = request.suite
        rounds = Int(request.rounds)
        if let grader = request.grader, !grader.kind.isEmpty {
            self.grader = try GraderSpecification(validating: grader, field: "grader")
        } else {
            grader = GraderSpecification(.exact)
        }
        var options = request.options ?? GenerationOptions()
        // Measured again, an answer should be the same again.
        if options.samplingTemperature == nil { options.samplingTemperature = .temperature(0) }
        self.options = options
        optionsDigest = Self.digest(of: options)
        switch request.ceiling {
        case .maxCostUsd(let ceiling)?:
            try Check.amount(ceiling, field: "max_cost_usd")
            self.ceiling = ceiling
        case nil: ceiling = nil
        }
        isDryRun = request.dryRun
        asksAgain = request.again
        concurrency = request.concurrency > 0 ? Int(request.concurrency) : nil
        ids = Set(request.ids)
        models = request.models
        guard request.items.isEmpty || request.dryRun else {
            throw CallError(.invalidArgument, "items are only for a dry_run; Scorer/PutSuite stores them")
        }
        items = try SuiteTable.checked(request.items)
    }

    private static func digest(of options: GenerationOptions) -> UInt64 {
        var hash = SipHash128(key: (0, 0))
        options.pack().withUnsafeBytes { hash.absorb($0) }
        return max(1, hash.finish().0)
    }

    /// How a question is graded.
    func grader(of item: SuiteItemRecord) -> GraderSpecification? {
        item.grader.map { GraderSpecification($0) } ?? grader
    }

    /// The models to ask, from those of the herd.
    ///
    /// - Throws: NOT_FOUND, or FAILED_PRECONDITION for models without an endpoint.
    func chosen(from herd: [EvaluatedModel]) throws(CallError) -> [EvaluatedModel] {
        guard !models.isEmpty else {
            let all = herd.filter { $0.concurrency > 0 }
            guard !all.isEmpty else {
                throw CallError(
                    .failedPrecondition,
                    "no model of the herd has an endpoint; herdctl model add NAME --endpoint URL adds one")
            }
            for model in all { try check(model) }
            return all
        }
        var chosen: [EvaluatedModel] = []
        for name in models {
            guard let model = herd.first(where: { $0.name == name }) else {
                throw CallError(
                    .notFound, "there is no model '\(name.prefix(200))'; herdctl model list shows what there is")
            }
            try check(model)
            chosen.append(model)
        }
        return chosen
    }

    private func check(_ model: EvaluatedModel) throws(CallError) {
        guard model.concurrency > 0 else {
            throw CallError(
                .failedPrecondition,
                "model '\(model.name)' has no endpoint to ask; herdctl model add \(model.name) --endpoint URL")
        }
        guard model.name.utf8.count <= SuiteQuestion.Limit.model else {
            throw CallError(
                .invalidArgument,
                "model '\(model.name.prefix(80))...' can't be evaluated: its name has over "
                    + "\(SuiteQuestion.Limit.model) bytes")
        }
    }
}
