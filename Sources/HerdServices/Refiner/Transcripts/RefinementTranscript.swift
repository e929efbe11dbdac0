package import HerdMessages

/// Where a refinement writes down what happens; nothing of it waits.
package protocol RefinementTranscript: Sendable {
    var id: String { get }
    func begin(_ plan: RefinementPlan)
    func add(_ step: RefinementStepKind, round: Int, text: String, finished: RefinementStep)
    func end(_ result: RefinementResult)
}
