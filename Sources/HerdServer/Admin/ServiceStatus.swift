/// What a service reports of itself in Admin/Health and Admin/Status.
package struct ServiceStatus: Sendable {
    /// Why it is degraded, a sentence each; empty while all is well.
    package var degradedReasons: [String]
    /// Numbers, for example `cache_hits`.
    package var figures: [String: Double]
    /// Facts, for example `predictor_version`.
    package var facts: [String: String]

    package init(degradedReasons: [String] = [], figures: [String: Double] = [:], facts: [String: String] = [:]) {
        self.degradedReasons = degradedReasons
        self.figures = figures
        self.facts = facts
    }
}
