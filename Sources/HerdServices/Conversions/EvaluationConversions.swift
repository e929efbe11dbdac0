import HerdFrames
import HerdMessages

extension EvaluationRecord {
    static let longestID = 400
    static let longestPrompt = 1 << 20
    static let mostModels = 10_000
    static let mostRounds = 64

    /// Checks an evaluation that came over the wire, by the rules of evaluation files. What is said of a model without a
    /// score is left out, since there is nothing to learn from it. Scores are kept by model name, so that equal evaluations have equal
    /// records.
    ///
    /// - Parameter place: where in the request it stood, for messages.
    init(validating evaluation: Evaluation, place: Int) throws(CallError) {
        let field = "evaluations[\(place)]"
        try Check.name(evaluation.task, field: "\(field).task")
        guard !evaluation.id.isEmpty, evaluation.id.utf8.count <= Self.longestID else {
            throw CallError(.invalidArgument, "\(field).id must have 1 to \(Self.longestID) bytes")
        }
        try Check.length(evaluation.prompt, field: "\(field).prompt", atMost: Self.longestPrompt)
        try Check.length(evaluation.domain, field: "\(field).domain", atMost: Check.longestName)
        guard !evaluation.scores.isEmpty, evaluation.scores.count <= Self.mostModels else {
            throw CallError(.invalidArgument, "\(field).scores must name 1 to \(Self.mostModels) models")
        }
        for (name, values) in [("refined", evaluation.refined), ("refined_costs", evaluation.refinedCosts)]
        where !values.isEmpty {
            let known = name == "refined" ? Set(evaluation.scores.keys) : Set(evaluation.refined.keys)
            if let model = Set(values.keys).subtracting(known).min() {
                throw CallError(
                    .invalidArgument,
                    "\(field).\(name) names the model '\(model.prefix(200))', which has no score in "
                        + (name == "refined" ? "scores" : "refined"))
            }
        }
        self.init(
            id: evaluation.id, prompt: evaluation.prompt, task: evaluation.task, domain: evaluation.domain)
        scores.reserveCapacity(evaluation.scores.count)
        for (name, score) in evaluation.scores.sorted(by: { BytewiseOrder.precedes($0.key, $1.key) }) {
            try Check.name(name, field: "\(field).scores: a model's name")
            try Check.share(score, field: "\(field).scores['\(name)']")
            var record = ScoreRecord(model: name, score: score)
            if evaluation.costs.isEmpty, evaluation.refined.isEmpty, evaluation.refinedCosts.isEmpty {
                scores.append(record)
                continue
            }
            if let cost = evaluation.costs[name] {
                try Check.amount(cost, field: "\(field).costs['\(name)']")
                record.cost = .costUsd(cost)
            }
            let refined = evaluation.refined[name]?.values ?? []
            let refinedCosts = evaluation.refinedCosts[name]?.values ?? []
            guard refined.count <= Self.mostRounds, refinedCosts.count <= Self.mostRounds else {
                throw CallError(.invalidArgument, "\(field).refined['\(name)'] holds at most \(Self.mostRounds) rounds")
            }
            for score in refined { try Check.share(score, field: "\(field).refined['\(name)']") }
            for cost in refinedCosts { try Check.amount(cost, field: "\(field).refined_costs['\(name)']") }
            record.refined = refined
            record.refinedCosts = refinedCosts
            scores.append(record)
        }
    }
}
