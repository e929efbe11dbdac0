import NIOConcurrencyHelpers

extension BackendPool {
    /// Checks endpoints that failed lately or that nobody calls, until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            await check(all.flatMap { model in model.dueForCheck().map { (model, $0) } })
            // At different times, so that a server's many clients do not ask all at once.
            let interval = max(configuration.limits.healthInterval, .milliseconds(10))
            try? await Task.sleep(for: interval * Double.random(in: 0.8...1.2))
        }
    }

    /// As many at a time as leave calls their room; those for which there is none are due the next time.
    private func check(_ due: [(ModelEndpoints, EndpointSet.Member)]) async {
        let most = max(1, configuration.limits.maximumTransfers / 4)
        await withTaskGroup(of: Void.self) { group in
            for (index, (model, member)) in due.enumerated() {
                if index >= most { await group.next() }
                guard !Task.isCancelled, places.openTransfers < configuration.limits.maximumTransfers else { break }
                group.addTask { await self.check(member, of: model) }
            }
        }
    }

    private func check(_ member: EndpointSet.Member, of model: ModelEndpoints) async {
        // Nobody has to know the key for what tells only that a server is there.
        var status = await status(of: member.configuration.healthURL, member.configuration, hasKey: false)
        if status == 404 {
            status = await self.status(of: member.configuration.modelsURL, member.configuration, hasKey: true)
        }
        guard !Task.isCancelled else { return }
        // One that asks for a key is there; whether the key is right shows in the calls.
        model.checked(member.id, isWell: status.map { $0 < 500 } ?? false)
    }

    /// Nil where there was no answer, or the endpoint's key is missing.
    private func status(of url: String, _ endpoint: EndpointConfiguration, hasKey: Bool) async -> Int? {
        guard let request = try? access.probe(endpoint, url: url, hasKey: hasKey),
            let call = try? ChatCall(request, on: thread, onEnd: { _ in }),
            case .end(.succeeded(let report)) = await call.next()
        else { return nil }
        return report.status
    }
}
