import HerdBackends

/// What goes on between the router and its models, for `Admin/Status`.
enum BackendFigures {
    static func of(_ runner: ModelRunner) -> [String: Double] {
        let status = runner.pool.status()
        let counts = runner.counts
        let endpoints = status.models.flatMap(\.endpoints)
        var figures: [String: Double] = [
            "backend_open_transfers": Double(status.openTransfers),
            "backend_running": Double(endpoints.reduce(0) { $0 + $1.running }),
            "backend_waiting": Double(status.models.reduce(0) { $0 + $1.waiting }),
            "backend_endpoints": Double(endpoints.count),
            "backend_breakers_open": Double(endpoints.count { $0.breaker != .closed }),
            "backend_endpoints_unhealthy": Double(endpoints.count { !$0.isHealthy }),
            "backend_attempts": Double(endpoints.reduce(0) { $0 + $1.figures.attempts }),
            "backend_retries": Double(status.models.reduce(0) { $0 + $1.retries }),
            "backend_retries_left": Double(status.retriesLeft),
            "backend_answers": Double(counts.runs - counts.failedRuns - counts.cancelledRuns),
            "backend_failed_answers": Double(counts.failedRuns),
            "backend_cancelled_answers": Double(counts.cancelledRuns),
            "backend_failovers": Double(counts.failovers),
            "backend_prompt_tokens": Double(counts.promptTokens),
            "backend_completion_tokens": Double(counts.completionTokens),
            "backend_cost_usd": counts.costUSD,
        ]
        for endpoint in endpoints {
            for (label, count) in endpoint.figures.failures {
                figures["backend_failures_\(label)", default: 0] += Double(count)
            }
        }
        return figures
    }

    /// One of each endpoint, under `endpoint MODEL URL`; where a model has several at one URL, ` (2)` and so on follows.
    static func facts(_ runner: ModelRunner) -> [String: String] {
        var facts: [String: String] = [:]
        for model in runner.pool.status().models {
            for (index, endpoint) in model.endpoints.enumerated() {
                let same = model.endpoints[..<index].count { $0.endpoint == endpoint.endpoint }
                let number = same > 0 ? " (\(same + 1))" : ""
                facts["endpoint \(model.model) \(endpoint.endpoint)\(number)"] = text(
                    endpoint, waiting: index == 0 ? model.waiting : 0)
            }
        }
        return facts
    }

    private static func text(_ endpoint: BackendStatus.Endpoint, waiting: Int) -> String {
        var parts = ["\(endpoint.running) open"]
        // They wait for whichever endpoint of the model is free first.
        if waiting > 0 { parts.append("\(waiting) waiting") }
        parts.append("breaker \(endpoint.breaker.rawValue)")
        if !endpoint.isHealthy { parts.append("unhealthy") }
        if let seconds = endpoint.figures.latency.firstTokenSeconds {
            parts.append("first token \(Float(PreferredNumber.nearest(to: seconds))) s")
        }
        if let rate = endpoint.figures.latency.tokensPerSecond {
            parts.append("\(Float(PreferredNumber.nearest(to: rate))) tokens/s")
        }
        let failures = endpoint.figures.failures
        parts.append("\(endpoint.figures.attempts) calls")
        if !failures.isEmpty {
            let kinds = failures.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
            parts.append("failed: \(kinds)")
        }
        return parts.joined(separator: ", ")
    }
}
