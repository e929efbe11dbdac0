import ServiceLifecycle

/// Tells the supervisor once everything serves, and when it begins to end.
struct SupervisedService: Service {
    func run() async throws {
        Supervisor.ready()
        try await gracefulShutdown()
        Supervisor.stopping()
    }
}
