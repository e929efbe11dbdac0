import HerdClient
import HerdFrames
import HerdMessages

/// Answers from the models of the herd, by the router.
struct RouterAnswers: AnswerSource {
    let link: RouterLink
    /// Trace, tenant and account of the call that is served.
    var metadata: [String: String] = [:]

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
        _ prompt: String, model: String, draft: String, rounds: Int, options: GenerationOptions
    ) async -> MeasuredRounds {
        do {
            return try await Self.patiently {
                let refined = await refineOnce(prompt, model: model, draft: draft, rounds: rounds, options: options)
                guard let failure = refined.failure, refined.answers.isEmpty else { return refined }
                throw AnswerFailure(underlying: failure, costUsd: refined.costUsd)
            }
        } catch let failure as AnswerFailure {
            return MeasuredRounds(answers: [], failure: failure.underlying, costUsd: failure.costUsd)
        } catch {
            return MeasuredRounds(answers: [], failure: error, costUsd: 0)
        }
    }

    /// How often a busy model is asked again, beyond what the router does, and how long it is waited for at most.
    private static let mostPauses = 5
    private static let longestPause = Duration.seconds(60)

    /// A rate limit is no failure of a question: waits as long as the endpoint says, else longer each time. For a model that
    /// is away, and is said to be back in a while, it waits once.
    private static func patiently<Answer>(_ ask: () async throws -> Answer) async throws -> Answer {
        var wasAway = false
        for pauses in 0..<mostPauses {
            do {
                return try await ask()
            } catch let failure as AnswerFailure where failure.costUsd == 0 {
                guard let error = failure.underlying as? CallError else { throw failure }
                let told = error.metadata["retry-after-ms"].flatMap { Int64($0) }.map { Duration.milliseconds($0) }
                switch (error.code, told) {
                // Further away than any rate limit is the day on which there is money again.
                case (.resourceExhausted, let told) where told ?? .zero <= longestPause: break
                case (.unavailable, _?) where !wasAway: wasAway = true
                default: throw failure
                }
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
                Router.generate, GenerateRequest(model: model, prompt: prompt, options: options),
                metadata: metadata)
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
        answer.isCut = finish.reason == "length"
        // A model is not slow because others wait at its endpoints too.
        answer.seconds = finish.seconds - finish.secondsWaited
        answer.firstTokenSeconds = max(0, finish.firstTokenSeconds - finish.secondsWaited)
        return answer
    }

    private func refineOnce(
        _ prompt: String, model: String, draft: String, rounds: Int, options: GenerationOptions
    ) async -> MeasuredRounds {
        // No draft at all would have the refiner ask for one.
        let given = draft.isEmpty ? "\n" : draft
        var refined = RefinedAnswers(draft: given)
        var failure: (any Error)?
        do {
            let request = RefinementRequest(
                prompt: prompt, model: model, rounds: UInt32(clamping: rounds), draft: given, options: options)
            for try await event in try link.client.stream(Refiner.refine, request, metadata: metadata) {
                refined.take(event)
            }
            failure = refined.shortfall
        } catch {
            failure = error
        }
        var answers = Array(refined.rounds.prefix(rounds))
        for place in answers.indices where answers[place].text == given { answers[place].text = draft }
        return MeasuredRounds(answers: answers, failure: failure, costUsd: refined.cost)
    }
}

/// Makes answers of a refinement's events: one for each round, with the cost and time of its critique.
///
/// Which answer stands after a round is the refiner's to say: a rewrite may be blank, cut off or the same again. One that is
/// followed by another step was taken; of the last one the result tells.
struct RefinedAnswers {
    private(set) var rounds: [ModelAnswer] = []
    private let draft: String
    private var text = ""
    /// A rewrite of which it is not known yet whether it was taken.
    private var rewritten: ModelAnswer?
    /// What was spent since the last answer.
    private var pending = ModelAnswer(text: "")
    private var result: RefinementResult?

    init(draft: String) {
        self.draft = draft
    }

    /// US dollars, of all steps.
    var cost: Double {
        let told = rounds.reduce(pending.usage.costUsd + (rewritten?.usage.costUsd ?? 0)) { $0 + $1.usage.costUsd }
        // A step that broke off is in the result alone.
        return max(told, result?.usage?.costUsd ?? 0)
    }

    /// Why a refinement that ended without an error is not finished all the same.
    var shortfall: CallError? {
        guard let result else { return CallError(.internal, "the refinement ended without a result") }
        guard result.partial || result.stoppedBecause == RefinementEnd.time.rawValue else { return nil }
        return CallError(.deadlineExceeded, "the refinement ran out of time after \(rounds.count) rounds")
    }

    mutating func take(_ event: RefinementEvent) {
        switch event.step {
        case RefinementStepKind.critique.rawValue:
            settle(as: rewritten?.text)
            if let finished = event.finished { add(finished) }
        case RefinementStepKind.rewrite.rawValue:
            text += event.delta
            guard let finished = event.finished else { return }
            add(finished)
            pending.text = text
            rewritten = pending
            pending = ModelAnswer(text: "")
            text = ""
        case "final":
            guard let result = event.result else { return }
            self.result = result
            if rewritten == nil, result.stoppedBecause == RefinementEnd.nothingFound.rawValue {
                // The critique was paid for all the same: its round changed nothing.
                rewritten = pending
                pending = ModelAnswer(text: "")
            }
            settle(as: result.text)
        default: return
        }
    }

    /// Ends the round of the newest rewrite with the answer that stands after it.
    private mutating func settle(as text: String?) {
        guard var answer = rewritten else { return }
        answer.text = text ?? rounds.last?.text ?? draft
        rounds.append(answer)
        rewritten = nil
    }

    private mutating func add(_ step: RefinementStep) {
        pending.usage = pending.usage + (step.usage ?? Usage())
        pending.seconds += step.seconds
    }
}
