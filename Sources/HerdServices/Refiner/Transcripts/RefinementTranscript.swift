package import HerdMessages

/// Where a refinement writes down what happens; nothing of it waits but `isKept`.
package protocol RefinementTranscript: Sendable {
    var id: String { get }
    func begin(_ plan: RefinementPlan)
    func add(_ step: RefinementStepKind, round: Int, text: String, finished: RefinementStep)
    func end(_ result: RefinementResult)
    /// Returns once all of it is on disk, or the disk takes nothing: true; or after `limit`: false.
    func isKept(within limit: Duration) async -> Bool
}
