/// What a service reports of itself in Admin/Health and Admin/Status.
///
/// Numbers and facts are found out only when they are asked for: Health, which is called often, needs neither.
package struct ServiceStatus: Sendable {
    /// Why it is degraded, a sentence each; empty while all is well.
    package var degradedReasons: [String]
    private let findFigures: @Sendable () -> [String: Double]
    private let findFacts: @Sendable () -> [String: String]

    /// Numbers, for example `cache_hits`.
    package var figures: [String: Double] { findFigures() }
    /// Facts, for example `predictor_version`.
    package var facts: [String: String] { findFacts() }

    package init(
        degradedReasons: [String] = [], figures: @autoclosure @escaping @Sendable () -> [String: Double] = [:],
        facts: @autoclosure @escaping @Sendable () -> [String: String] = [:]
    ) {
        self.degradedReasons = degradedReasons
        findFigures = figures
        findFacts = facts
    }
}
