/// One question of a suite: a line of a suite file.
package struct SuiteQuestion: Sendable, Equatable {
    /// Unique in the suite; the id of the evaluation it becomes.
    package var id: String
    package var prompt: String
    package var task: String
    package var domain: String?
    /// The right answers; what they must be depends on the grader.
    package var references: [String]
    /// Nil = the run's.
    package var grader: GraderSpecification?

    package init(
        id: String, prompt: String, task: String, domain: String? = nil, references: [String] = [],
        grader: GraderSpecification? = nil
    ) {
        self.id = id
        self.prompt = prompt
        self.task = task
        self.domain = domain
        self.references = references
        self.grader = grader
    }

    /// What every suite keeps to, in bytes. An id, a suite's and a model's name make one key of the store.
    package enum Limit {
        package static let suite = 100
        package static let id = 200
        package static let model = 200
        package static let name = 400
        package static let prompt = 1 << 20
        package static let references = 1 << 18
        package static let pattern = TextPattern.longestPattern
        package static let criteria = 4_000
    }
}
