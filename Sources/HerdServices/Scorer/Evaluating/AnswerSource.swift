import HerdMessages
import HerdPolicy

/// Where an evaluation gets its answers from: the router, which alone calls models.
protocol AnswerSource: Sendable {
    /// The herd as it is registered now.
    func models() async throws -> [EvaluatedModel]

    /// One model's answer to a prompt.
    func answer(_ prompt: String, model: String, options: GenerationOptions) async throws -> ModelAnswer

    /// What each round of refinement makes of an answer; each sees the newest one only, so that rounds can be added later.
    func refine(
        _ prompt: String, model: String, draft: String, rounds: Int, options: GenerationOptions
    ) async -> MeasuredRounds
}

/// One answer, and what it took.
struct ModelAnswer: Sendable, Equatable {
    var text: String
    /// Of everything since the answer before it; a round's critique is part of it.
    var usage = Usage()
    /// Of the model: without waiting for its turn where the router tells of that.
    var seconds = 0.0
    var firstTokenSeconds = 0.0
    /// The limit on its length ended it.
    var isCut = false
}

/// What a refinement came to.
struct MeasuredRounds: Sendable {
    /// One for each finished round; fewer than asked for where it ended by itself.
    var answers: [ModelAnswer]
    /// Why it broke off; what `answers` holds was finished before.
    var failure: (any Error)?
    /// Of all its steps, those of an unfinished round too.
    var costUsd: Double
}

/// Why there is no answer, and what it cost all the same.
struct AnswerFailure: Error {
    var underlying: any Error
    var costUsd: Double
}

/// What an evaluation needs to know of a model.
struct EvaluatedModel: Sendable, Equatable {
    var name: String
    /// US dollars per million tokens; nil = not declared.
    var price: Price?
    /// Mean length of its answers in tokens; nil = not known.
    var outputTokens: Int?
    /// Calls at once that its endpoints take together; 0 = it has none.
    var concurrency: Int

    /// Calls at once for an endpoint that declares no limit.
    static let undeclaredConcurrency = 4
    /// Calls at once for a model, whatever is declared.
    static let mostConcurrency = 256
}

extension EvaluatedModel {
    init(_ model: Model) {
        let isPriced = model.priceIn > 0 || model.priceOut > 0 || model.free
        let concurrency = model.endpoints.reduce(0) { sum, endpoint in
            sum + (endpoint.maxConcurrency > 0 ? Int(endpoint.maxConcurrency) : Self.undeclaredConcurrency)
        }
        self.init(
            name: model.name, price: isPriced ? Price(input: model.priceIn, output: model.priceOut) : nil,
            outputTokens: model.outputTokens >= 1 ? Int(model.outputTokens) : nil,
            concurrency: min(concurrency, Self.mostConcurrency))
    }
}
