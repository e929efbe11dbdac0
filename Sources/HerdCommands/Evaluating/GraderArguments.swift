import ArgumentParser
import HerdDatasets
import HerdMessages

/// How answers are graded where a question does not say so itself.
struct GraderArguments: ParsableArguments {
    @Option(
        name: .customLong("grader"),
        help: ArgumentHelp(
            "For questions without their own: \(GraderSpecification.kindNames); exact if not given.", valueName: "kind")
    )
    var kind: String?
    @Option(help: "Of the grader regex: what is looked for; the references are the patterns if not given.")
    var pattern: String?
    @Option(
        name: .customLong("judge"),
        help: ArgumentHelp("Of the grader judge: the model that judges.", valueName: "model"))
    var judgeModel: String?
    @Option(help: "Of the grader judge: what it looks for; the answer's general quality if not given.")
    var criteria: String?

    /// - Throws: `CommandFailure` for a grader that can't be used.
    func specification() throws -> GraderSpecification {
        let implied = judgeModel == nil ? pattern == nil ? "exact" : "regex" : "judge"
        do throws(GraderError) {
            let specification = try GraderSpecification(
                kind: kind ?? implied, pattern: pattern ?? "", judgeModel: judgeModel ?? "", criteria: criteria ?? "")
            _ = try AnswerGrader(specification)
            return specification
        } catch {
            throw CommandFailure("\(error.reason); see herdctl evaluate --help", exitCode: 64)
        }
    }
}

extension Grader {
    init(_ specification: GraderSpecification) {
        self.init(
            kind: specification.kind.rawValue, pattern: specification.pattern, judgeModel: specification.judgeModel,
            criteria: specification.criteria)
    }
}
