package import HerdMessages

/// Where a refinement writes down what happens; nothing of it waits but `isKept`.
package protocol RefinementTranscript: Sendable {
    var id: String { get }
    func begin(_ plan: RefinementPlan)
    func add(_ step: RefinementStepKind, round: Int, text: String, finished: RefinementStep)
    func end(_ result: RefinementResult)
    /// Whether all of it is on disk, for which it waits until `limit` at most; false also where the disk takes nothing.
    func isKept(within limit: Duration) async -> Bool
}
