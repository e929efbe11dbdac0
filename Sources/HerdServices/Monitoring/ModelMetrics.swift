import HerdBackends
import HerdServer

/// What is counted of the models that the router calls, as many as the registry has.
enum ModelMetrics {
    static func write(_ runner: ModelRunner, to writer: inout MetricsWriter) {
        let status = runner.pool.status()
        writer.gauge("herd_transfers_open", "Exchanges with models' servers under way.", Double(status.openTransfers))
        writer.gauge("herd_retries_left", "Retries that the budget allows now.", Double(status.retriesLeft))
        writer.counter(
            "herd_failovers_total", "Times another model was asked instead.", Double(runner.counts.failovers))
        writer.histogram(
            "herd_first_token_seconds", "From asking a model to its first token.", runner.models.firstTokens.counts)
        writeEndpoints(status, to: &writer)
        writeModels(status, runner.models.current(of: Set(status.models.map(\.model))), to: &writer)
    }

    private static func writeEndpoints(_ status: BackendStatus, to writer: inout MetricsWriter) {
        let endpoints = status.models.flatMap { model in
            model.endpoints.enumerated().map { index, endpoint in
                // A model may have several at one URL.
                let same = model.endpoints[..<index].count { $0.endpoint == endpoint.endpoint }
                let url = same > 0 ? "\(endpoint.endpoint) (\(same + 1))" : endpoint.endpoint
                return (labels: MetricLabels(["model": model.model, "endpoint": url]), endpoint: endpoint)
            }
        }
        writer.gauge("herd_endpoint_open_calls", "Calls of an endpoint that are open.") { samples in
            for (labels, endpoint) in endpoints { samples.add(labels, Double(endpoint.running)) }
        }
        writer.gauge(
            "herd_endpoint_breaker_state", "0 = closed (calls go), 1 = half open (one tries), 2 = open (it rests)."
        ) {
            samples in
            for (labels, endpoint) in endpoints { samples.add(labels, number(of: endpoint.breaker)) }
        }
        writer.gauge("herd_endpoint_healthy", "Whether the last check found it well: 1, else 0.") { samples in
            for (labels, endpoint) in endpoints { samples.add(labels, endpoint.isHealthy ? 1 : 0) }
        }
        writer.counter("herd_endpoint_calls_total", "Calls sent to an endpoint.") { samples in
            for (labels, endpoint) in endpoints { samples.add(labels, Double(endpoint.figures.attempts)) }
        }
        writer.counter("herd_endpoint_failures_total", "Those that failed, by kind.") { samples in
            for (labels, endpoint) in endpoints {
                for (kind, count) in endpoint.figures.failures.sorted(by: { $0.key < $1.key }) {
                    samples.add(labels.adding("kind", kind), Double(count))
                }
            }
        }
        writer.gauge("herd_endpoint_first_token_seconds", "Moving mean from an attempt to its first token.") {
            samples in
            for (labels, endpoint) in endpoints {
                guard let seconds = endpoint.figures.latency.firstTokenSeconds else { continue }
                samples.add(labels, seconds)
            }
        }
    }

    private static func number(of breaker: BackendStatus.Breaker) -> Double {
        switch breaker {
        case .closed: 0
        case .halfOpen: 1
        case .open: 2
        }
    }

    private static func writeModels(
        _ status: BackendStatus, _ counts: [String: ModelCounters.Counts], to writer: inout MetricsWriter
    ) {
        let models = status.models.map { model in
            (labels: MetricLabels(["model": model.model]), status: model, counts: counts[model.model] ?? .init())
        }
        writer.gauge("herd_model_waiting_calls", "Calls that wait for an endpoint of the model.") { samples in
            for model in models { samples.add(model.labels, Double(model.status.waiting)) }
        }
        writer.counter("herd_model_retries_total", "Attempts that were not the first of their call.") { samples in
            for model in models { samples.add(model.labels, Double(model.status.retries)) }
        }
        writer.counter("herd_model_answers_total", "Whole answers of the model.") { samples in
            for model in models { samples.add(model.labels, Double(model.counts.answers)) }
        }
        writer.counter("herd_model_failures_total", "Runs without a whole answer, those taken back included.") {
            samples in
            for model in models { samples.add(model.labels, Double(model.counts.failures)) }
        }
        writer.counter("herd_model_prompt_tokens_total", "Tokens that the model has read.") { samples in
            for model in models { samples.add(model.labels, Double(model.counts.promptTokens)) }
        }
        writer.counter("herd_model_completion_tokens_total", "Tokens that the model has written.") { samples in
            for model in models { samples.add(model.labels, Double(model.counts.completionTokens)) }
        }
        writer.counter("herd_model_cost_usd_total", "What its answers cost, in US dollars.") { samples in
            for model in models { samples.add(model.labels, model.counts.costUSD) }
        }
        writer.summary("herd_model_first_token_seconds", "From asking the model to its first token.") { samples in
            for model in models where model.counts.firstTokens > 0 {
                samples.add(model.labels, sum: model.counts.firstTokenSeconds, count: model.counts.firstTokens)
            }
        }
    }
}
