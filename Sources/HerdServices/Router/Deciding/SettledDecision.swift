import HerdMessages

/// A decision that is made, but not yet logged, so that it has no id.
struct MadeDecision {
    let routed: RoutedDecision
    let plan: RoutePlan
    /// Of the prediction in the cache; nil where there is none.
    let fingerprint: UInt128?
    let tenant: String
    let isCached: Bool
}

/// A decision as it was made and logged, and what it was made from.
struct SettledDecision {
    let response: RouteResponse
    let plan: RoutePlan
    let id: LogEntryID
}
