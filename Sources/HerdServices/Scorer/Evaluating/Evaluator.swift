import HerdClient
import HerdFrames
import HerdMessages
import HerdStore
import NIOConcurrencyHelpers

/// Runs suites over the herd's models.
struct Evaluator: Sendable {
    static let tables = SuiteTable.tables + AnswerTable.tables

    let suites: SuiteTable
    let answers: AnswerTable
    let source: RouterAnswers
    private let judgePrompt: NIOLockedValueBox<JudgePrompt>
    private let runs = SuiteRuns()

    init(store: StoreEnvironment, evaluations: EvaluationTable, link: RouterLink, judgePrompt: JudgePrompt) {
        suites = SuiteTable(store: store)
        answers = AnswerTable(store: store, evaluations: evaluations)
        source = RouterAnswers(link: link)
        self.judgePrompt = NIOLockedValueBox(judgePrompt)
    }

    private static func judge(_ prompt: JudgePrompt, by source: RouterAnswers) -> Judge {
        let options = GenerationOptions.ofJudge
        return Judge(prompt: prompt) { model, prompt in
            do {
                let answer = try await source.answer(prompt, model: model, options: options)
                return (answer.text, answer.usage)
            } catch let failure as AnswerFailure {
                throw JudgementFailure(
                    CallError(handlerError: failure.underlying), usage: Usage(costUsd: failure.costUsd))
            }
        }
    }

    /// Has judges asked with another prompt in the runs that begin from now on.
    func use(_ prompt: JudgePrompt) {
        judgePrompt.withLockedValue { $0 = prompt }
    }

    /// One run of a suite at a time.
    ///
    /// - Parameter metadata: trace, tenant and account of whoever asks for it; models answer on that account.
    func evaluate(
        _ request: EvaluateRequest, metadata: [String: String],
        _ send: @escaping @Sendable (EvaluateEvent) async throws -> Void
    ) async throws {
        let settings = try EvaluationSettings(request)
        let source = RouterAnswers(link: source.link, metadata: metadata)
        let judge = Self.judge(judgePrompt.withLockedValue { $0 }, by: source)
        let run = EvaluationRun(settings: settings, source: source, judge: judge, answers: answers, suites: suites)
        guard !settings.isDryRun else { return try await run.run(send) }
        try await runs.run(settings.suite) { try await run.run(send) }
    }

    /// Not while a run of the suite goes on.
    func remove(_ request: RemoveSuiteRequest) async throws -> RemoveSuiteResponse {
        try await runs.run(request.suite) { try await suites.remove(request) }
    }
}
