import HerdDatasets
import HerdFrames
import HerdMessages

extension GraderSpecification {
    /// Checks a grader that came over the wire: that there is such a kind and that it can be used.
    ///
    /// - Parameter field: where in the request it stood, for messages.
    init(validating grader: Grader, field: String) throws(CallError) {
        try Check.length(grader.pattern, field: "\(field).pattern", atMost: SuiteQuestion.Limit.pattern)
        try Check.length(grader.judgeModel, field: "\(field).judge_model", atMost: SuiteQuestion.Limit.model)
        try Check.length(grader.criteria, field: "\(field).criteria", atMost: SuiteQuestion.Limit.criteria)
        do throws(GraderError) {
            try self.init(
                kind: grader.kind, pattern: grader.pattern, judgeModel: grader.judgeModel, criteria: grader.criteria)
            _ = try AnswerGrader(self)
        } catch {
            throw CallError(.invalidArgument, "\(field): \(error.reason)")
        }
    }

    /// Nil for a record of a grader that there is no longer.
    init?(_ record: GraderRecord) {
        guard
            let read = try? GraderSpecification(
                kind: record.kind, pattern: record.pattern, judgeModel: record.judgeModel, criteria: record.criteria)
        else { return nil }
        self = read
    }
}

extension GraderRecord {
    init(_ specification: GraderSpecification) {
        self.init(
            kind: specification.kind.rawValue, pattern: specification.pattern, judgeModel: specification.judgeModel,
            criteria: specification.criteria)
    }
}

extension SuiteItemRecord {
    /// Checks a question that came over the wire, by the rules of suite files.
    ///
    /// - Parameter place: where in the request it stood, for messages.
    init(validating item: SuiteItem, place: Int) throws(CallError) {
        let field = "items[\(place)]"
        try Check.name(item.id, field: "\(field).id")
        try Check.length(item.id, field: "\(field).id", atMost: SuiteQuestion.Limit.id)
        try Check.name(item.task, field: "\(field).task")
        if !item.domain.isEmpty { try Check.name(item.domain, field: "\(field).domain") }
        try Check.length(item.prompt, field: "\(field).prompt", atMost: SuiteQuestion.Limit.prompt)
        guard item.prompt.contains(where: { !$0.isWhitespace }) else {
            throw CallError(.invalidArgument, "\(field).prompt must not be empty")
        }
        let bytes = item.reference.utf8.count + item.references.reduce(0) { $0 + $1.utf8.count }
        guard bytes <= SuiteQuestion.Limit.references, item.references.count <= 1_000 else {
            throw CallError(
                .invalidArgument,
                "\(field).references must have at most \(SuiteQuestion.Limit.references) bytes in all")
        }
        self.init(
            id: item.id, prompt: item.prompt, task: item.task, domain: item.domain, reference: item.reference,
            references: item.references)
        if let grader = item.grader {
            let specification = try GraderSpecification(validating: grader, field: "\(field).grader")
            self.grader = GraderRecord(specification)
            try check(specification, field: field)
        }
    }

    /// Checks that a grader has the references it needs.
    func check(_ specification: GraderSpecification, field: String) throws(CallError) {
        do throws(GraderError) {
            try AnswerGrader(specification).check(references: allReferences, prompt: prompt)
        } catch {
            throw CallError(.invalidArgument, "\(field) '\(id)': \(error.reason)")
        }
    }

    /// An absent `reference` can't be told from an empty one: an empty right answer is written as `references: [""]`.
    var allReferences: [String] { (reference.isEmpty ? [] : [reference]) + references }
}
