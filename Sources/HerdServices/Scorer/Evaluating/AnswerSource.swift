import HerdMessages
import HerdPolicy

/// Where an evaluation gets its answers from: the router, which alone calls models.
protocol AnswerSource: Sendable {
    /// The herd as it is registered now.
    func models() async throws -> [EvaluatedModel]

    /// One model's answer to a prompt.
    func answer(_ prompt: String, model: String, options: GenerationOptions) async throws -> ModelAnswer

    /// A draft, and what each round of refinement made of it. Fewer rounds than asked for where it ended by itself.
    ///
    /// - Parameter draft: taken as it is in place of a draft by the model; its own cost and time are not in the result.
    func refine(
        _ prompt: String, model: String, draft: String?, rounds: Int, options: GenerationOptions
    ) async throws -> [ModelAnswer]
}

/// One answer, and what it took.
struct ModelAnswer: Sendable, Equatable {
    var text: String
    /// Of everything since the answer before it; a round's critique is part of it.
    var usage = Usage()
    var seconds = 0.0
    var firstTokenSeconds = 0.0
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
