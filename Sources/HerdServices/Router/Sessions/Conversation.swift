/// The conversation that a call belongs to, for as long as the call runs.
struct Conversation: Sendable {
    private let id: String
    private let tenant: String
    private let sessions: SessionModels

    /// - Parameter id: nil comes of "", which names no conversation.
    init?(_ id: String, tenant: String, _ sessions: SessionModels) {
        guard !id.isEmpty else { return nil }
        self.id = id
        self.tenant = tenant
        self.sessions = sessions
    }

    /// The model it is with; nil where it has none, or not lately.
    var model: String? { sessions.model(of: id, tenant: tenant, nowMs: WallClock.milliseconds()) }

    /// It is with that model from now on.
    func keep(_ model: String) {
        sessions.set(model, of: id, tenant: tenant, nowMs: WallClock.milliseconds())
    }

    /// It is with nobody, if it was with that model: the model failed.
    func forget(_ model: String) {
        sessions.forget(model, of: id, tenant: tenant, nowMs: WallClock.milliseconds())
    }
}
