import HerdCommands
import HerdMessages
import Testing

@Suite("PeRFICS tables")
struct PerficsTextTests {
    private func row(_ model: String, evaluations: UInt64, ranked: Bool, missing: [String] = []) -> PerficsRow {
        func term(_ value: Double, _ points: Double) -> PerficsTerm {
            PerficsTerm(value: value, points: points, known: true)
        }
        return PerficsRow(
            model: model, score: ranked ? 0.75 : 0, performance: evaluations > 0 ? term(0.5, ranked ? 0.35 : 0) : nil,
            breadth: term(0.625, 0), missing: missing, evaluations: evaluations, ranked: ranked)
    }

    @Test func modelsWithoutAnEvaluationTakeOneLine() {
        let missing = ["performance: no evaluation of the task has its score", "cost: memory_gb is not declared"]
        let rows = [
            row("best", evaluations: 4, ranked: true),
            row("partly", evaluations: 3, ranked: false, missing: ["gain: no refined evaluations"]),
            row("absent-1", evaluations: 0, ranked: false, missing: missing),
            row("absent\u{1B}[2J", evaluations: 0, ranked: false, missing: missing),
        ]
        let text = PerficsText.text(PerficsResponse(rows: rows), task: "math")
        let lines = text.split(separator: "\n")
        #expect(lines.filter { $0.contains("absent-1") }.count == 1)
        #expect(lines.contains { $0.hasPrefix("not measured here: absent-1, absent") })
        #expect(!text.contains("\u{1B}") && !text.contains("memory_gb"))
        #expect(text.contains("partly is not ranked. gain: no refined evaluations"))
        // Points are of ranked models only.
        #expect(text.contains("0.500 (+0.35)") && !text.contains("0.500 (+0.00)"))
    }
}
