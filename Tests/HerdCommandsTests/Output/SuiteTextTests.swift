import HerdCommands
import HerdMessages
import Testing

@Suite("Suites and evaluations as text")
struct SuiteTextTests {
    @Test func suitesTakeARowEach() {
        let models = (1...7).map { "model-\($0)" }
        let text = SuiteText.table([
            SuiteSummary(suite: "math", questions: 12, answers: 24, costUsd: 0.5, models: models),
            SuiteSummary(suite: "bad\u{1B}[2J", questions: 1),
        ])
        #expect(text.split(separator: "\n").count == 3 && !text.contains("\u{1B}"))
        #expect(text.contains("math") && text.contains("24") && text.contains("model-5 and 2 more"))
        #expect(SuiteText.table([]).contains("herdctl evaluate FILE"))
        let removed = SuiteText.removed(RemoveSuiteResponse(questions: 2, answers: 4, left: 1), suite: "math")
        #expect(removed.contains("2 questions and 4 answers of suite math") && removed.contains("1 questions are left"))
    }

    @Test func otherOptionsAndEarlierRunsAreTold() {
        let event = EvaluateEvent(total: 3, skipped: 2, spentBeforeUsd: 0.25, otherOptions: 2)
        let estimate = EvaluationTable.estimate(event)
        #expect(estimate.contains("earlier runs spent US$ 0.25") && estimate.contains("--max-cost"))
        #expect(estimate.contains("2 answers were got with other options") && estimate.contains("--again"))
        #expect(EvaluationTable.text(event, rounds: 0).contains("2 answers were got with other options"))
        let plain = EvaluationTable.estimate(EvaluateEvent(total: 3))
        #expect(!plain.contains("options") && !plain.contains("earlier"))
    }
}
