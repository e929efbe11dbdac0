import NIOConcurrencyHelpers

extension BackendPool {
    /// Checks endpoints that failed lately or that nobody calls, until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            await withDiscardingTaskGroup { group in
                for model in all {
                    for member in model.dueForCheck() {
                        group.addTask { await self.check(member, of: model) }
                    }
                }
            }
            // At different times, so that a server's many clients do not ask all at once.
            let interval = max(configuration.limits.healthInterval, .milliseconds(10))
            try? await Task.sleep(for: interval * Double.random(in: 0.8...1.2))
        }
    }

    private func check(_ member: EndpointSet.Member, of model: ModelEndpoints) async {
        var status = await status(of: member.configuration.healthURL, member.configuration)
        if status == 404 { status = await self.status(of: member.configuration.modelsURL, member.configuration) }
        guard !Task.isCancelled else { return }
        // One that asks for a key is there; whether the key is right shows in the calls.
        model.checked(member.id, isWell: status.map { $0 < 500 } ?? false)
    }

    /// Nil where there was no answer, or the endpoint's key is missing.
    private func status(of url: String, _ endpoint: EndpointConfiguration) async -> Int? {
        guard let request = try? access.probe(endpoint, url: url),
            let call = try? ChatCall(request, on: thread, onEnd: { _ in }),
            case .end(.succeeded(let report)) = await call.next()
        else { return nil }
        return report.status
    }
}
