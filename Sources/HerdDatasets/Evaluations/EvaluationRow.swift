/// One prompt with what every model of a herd scored on it: a line of an evaluation file.
package struct EvaluationRow: Sendable, Equatable {
    /// Unique among the rows of a collection, never empty.
    package var id: String
    package var prompt: String
    /// The benchmark or kind of work, never empty.
    package var task: String
    /// The subject inside the task, where the data names one.
    package var domain: String?
    /// Model name to score, 0 (wrong) to 1 (right). A model that is absent was not run.
    package var scores: [String: Double]
    /// Model name to the measured cost of its answer in US dollars.
    package var costs: [String: Double]
    /// Model name to its scores after refinement round 1, 2, ...
    package var refined: [String: [Double]]
    /// Model name to the measured US dollars of refinement round 1, 2, ...
    package var refinedCosts: [String: [Double]]

    package init(
        id: String, prompt: String, task: String, domain: String? = nil, scores: [String: Double],
        costs: [String: Double] = [:], refined: [String: [Double]] = [:], refinedCosts: [String: [Double]] = [:]
    ) {
        self.id = id
        self.prompt = prompt
        self.task = task
        self.domain = domain
        self.scores = scores
        self.costs = costs
        self.refined = refined
        self.refinedCosts = refinedCosts
    }
}

/// Why one line of an evaluation file can't be used.
package struct EvaluationProblem: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// Not a well-formed line of its own.
        case malformed
        /// Well-formed, but an earlier line has the same id.
        case duplicateID
    }

    package var kind: Kind
    /// Counted from 1.
    package var line: Int
    /// What is wrong and what is allowed, for a person.
    package var reason: String

    package init(kind: Kind = .malformed, line: Int, reason: String) {
        self.kind = kind
        self.line = line
        self.reason = reason
    }

    package var description: String { "line \(line): \(reason)" }
}
