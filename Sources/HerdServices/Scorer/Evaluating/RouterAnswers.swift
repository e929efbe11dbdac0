import HerdClient
import HerdFrames
import HerdMessages

/// Answers from the models of the herd, by the router.
struct RouterAnswers: AnswerSource {
    let link: RouterLink

    func models() async throws -> [EvaluatedModel] {
        try await registered().map { EvaluatedModel($0) }
    }

    /// Every model of the registry.
    func registered() async throws -> [Model] {
        let client = try link.client
        var models: [Model] = []
        var token = ""
        repeat {
            let reply = try await client.call(
                Registry.listModels, ListModelsRequest(page: Page(size: 1_000, token: token)))
            models += reply.models
            token = reply.next
        } while !token.isEmpty
        return models
    }

    func answer(_ prompt: String, model: String, options: GenerationOptions) async throws -> ModelAnswer {
        try await Self.patiently { try await answerOnce(prompt, model: model, options: options) }
    }

    func refine(
        _ prompt: String, model: String, draft: String?, rounds: Int, options: GenerationOptions
    ) async throws -> [ModelAnswer] {
        try await Self.patiently {
            try await refineOnce(prompt, model: model, draft: draft, rounds: rounds, options: options)
        }
    }

    /// How often a busy model is asked again, beyond what the router does, and how long it is waited for at most.
    private static let mostPauses = 5
    private static let longestPause = Duration.seconds(60)

    /// A rate limit is no failure of a question: waits as long as the endpoint says, else longer each time.
    private static func patiently<Answer>(_ ask: () async throws -> Answer) async throws -> Answer {
        for pauses in 0..<mostPauses {
            do {
                return try await ask()
            } catch let failure as AnswerFailure where failure.costUsd == 0 {
                guard let error = failure.underlying as? CallError, error.code == .resourceExhausted else {
                    throw failure
                }
                let told = error.metadata["retry-after-ms"].flatMap { Int64($0) }.map { Duration.milliseconds($0) }
                try await Task.sleep(for: min(longestPause, told ?? .milliseconds(500 << pauses)))
            }
        }
        return try await ask()
    }

    private func answerOnce(
        _ prompt: String, model: String, options: GenerationOptions
    ) async throws -> ModelAnswer {
        var answer = ModelAnswer(text: "")
        var finish: GenerationFinish?
        do {
            let events = try link.client.stream(
                Router.generate, GenerateRequest(model: model, prompt: prompt, options: options))
            for try await event in events {
                switch event.event {
                case .delta(let text)?: answer.text += text
                case .finish(let end)?: finish = end
                case .toolCall?, .reasoning?, nil: break
                }
            }
        } catch {
            throw AnswerFailure(underlying: error, costUsd: finish?.usage?.costUsd ?? 0)
        }
        guard let finish else {
            throw CallError(.internal, "the answer of '\(model)' ended without its end; see the router's log")
        }
        answer.usage = finish.usage ?? Usage()
        answer.seconds = finish.seconds
        answer.firstTokenSeconds = finish.firstTokenSeconds
        return answer
    }

    private func refineOnce(
        _ prompt: String, model: String, draft: String?, rounds: Int, options: GenerationOptions
    ) async throws -> [ModelAnswer] {
        var steps = RefinedAnswers(draft: draft)
        do {
            let request = RefinementRequest(
                prompt: prompt, model: model, rounds: UInt32(clamping: rounds), draft: draft ?? "", options: options)
            for try await event in try link.client.stream(Refiner.refine, request) { steps.take(event) }
        } catch {
            throw AnswerFailure(underlying: error, costUsd: steps.cost)
        }
        return steps.answers
    }
}

/// Makes answers of a refinement's events: one for the draft and one for each round, with the cost of its critique.
struct RefinedAnswers {
    private(set) var answers: [ModelAnswer] = []
    private var text = ""
    /// What was spent since the last answer.
    private var pending = ModelAnswer(text: "")
    private var round: UInt32 = 0

    /// - Parameter draft: one that was given, and is no step of the model's.
    init(draft: String?) {
        if let draft { answers = [ModelAnswer(text: draft)] }
    }

    var cost: Double { answers.reduce(pending.usage.costUsd) { $0 + $1.usage.costUsd } }

    mutating func take(_ event: RefinementEvent) {
        switch event.step {
        case "draft", "rewrite":
            text += event.delta
            guard let finished = event.finished else { return }
            add(finished)
            var answer = pending
            answer.text = text
            if event.step == "rewrite" {
                answers.append(answer)
            } else if !text.isEmpty || answers.isEmpty {
                answers = [answer]
            }
            pending = ModelAnswer(text: "")
            text = ""
        case "critique":
            if let finished = event.finished { add(finished) }
        case "final":
            // A critique that found nothing was paid for all the same: its round changed nothing.
            guard event.result != nil, pending.usage.costUsd > 0 || pending.seconds > 0, let last = answers.last else {
                return
            }
            pending.text = last.text
            answers.append(pending)
            pending = ModelAnswer(text: "")
        default: return
        }
    }

    private mutating func add(_ step: RefinementStep) {
        pending.usage = pending.usage + (step.usage ?? Usage())
        pending.seconds += step.seconds
    }
}
