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
    private let judging: NIOLockedValueBox<Judge>
    private let generate: Judge.Generate
    private let runs = SuiteRuns()

    init(store: StoreEnvironment, evaluations: EvaluationTable, link: RouterLink, judgePrompt: JudgePrompt) {
        suites = SuiteTable(store: store)
        answers = AnswerTable(store: store, evaluations: evaluations)
        let source = RouterAnswers(link: link)
        self.source = source
        let options = GenerationOptions.ofJudge
        let generate: Judge.Generate = { model, prompt in
            do {
                let answer = try await source.answer(prompt, model: model, options: options)
                return (answer.text, answer.usage)
            } catch let failure as AnswerFailure {
                throw JudgementFailure(
                    CallError(handlerError: failure.underlying), usage: Usage(costUsd: failure.costUsd))
            }
        }
        self.generate = generate
        judging = NIOLockedValueBox(Judge(prompt: judgePrompt, generate: generate))
    }

    /// Has judges asked with another prompt in the runs that begin from now on.
    func use(_ judgePrompt: JudgePrompt) {
        judging.withLockedValue { $0 = Judge(prompt: judgePrompt, generate: generate) }
    }

    /// One run of a suite at a time.
    func evaluate(
        _ request: EvaluateRequest, _ send: @escaping @Sendable (EvaluateEvent) async throws -> Void
    ) async throws {
        let settings = try EvaluationSettings(request)
        let run = EvaluationRun(
            settings: settings, source: source, judge: judging.withLockedValue { $0 }, answers: answers, suites: suites)
        guard !settings.isDryRun else { return try await run.run(send) }
        try await runs.run(settings.suite) { try await run.run(send) }
    }

    /// Not while a run of the suite goes on.
    func remove(_ request: RemoveSuiteRequest) async throws -> RemoveSuiteResponse {
        try await runs.run(request.suite) { try await suites.remove(request) }
    }
}
