/// Whether a service takes calls, as `/readyz` tells it.
package enum Readiness: Sendable, Equatable {
    /// Not yet, with a sentence that says what it waits for.
    case starting(String)
    /// It does; the reasons say why it is degraded, and are empty while all is well.
    case ready(degraded: [String])
    /// No more.
    case draining

    /// - Parameter service: what it is called.
    func sentence(_ service: String) -> String {
        switch self {
        case .starting(let what): "the \(service) is starting: \(what)"
        case .ready(let reasons) where reasons.isEmpty: "the \(service) is ready"
        case .ready(let reasons): "the \(service) is ready, degraded: \(reasons.joined(separator: "; "))"
        case .draining: "the \(service) is draining: it ends open calls and takes no new ones"
        }
    }
}
