import HerdMessages

/// A decision as it was made and logged, and what it was made from.
struct SettledDecision {
    let response: RouteResponse
    let plan: RoutePlan
    let id: LogEntryID
}
