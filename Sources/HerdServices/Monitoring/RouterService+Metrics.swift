import HerdBackends
import HerdServer
import Synchronization

extension RouterService {
    /// Writes what is counted of decisions, the cache, money and models.
    func writeMetrics(to writer: inout MetricsWriter) {
        let view = view.current
        writer.gauge("herd_models", "Models of the registry.", Double(view.registry.models.count))
        writer.gauge("herd_policies", "Policies of the registry.", Double(view.registry.policies.count))
        PredictorMetrics.write(
            version: view.predictor?.version, createdMs: view.predictor?.createdMs ?? 0, to: &writer)
        writer.gauge(
            "herd_scorer_connected", "Whether the scorer answers: 1, else 0.", follower.isScorerAvailable ? 1 : 0)
        writeDecisions(to: &writer)
        ledger.writeMetrics(to: &writer)
        ModelMetrics.write(runner, to: &writer)
        StoreMetrics.write(store, to: &writer)
    }

    private func writeDecisions(to writer: inout MetricsWriter) {
        writer.counter("herd_cache_hits_total", "Predictions found in the cache.", Double(cache.hits))
        writer.counter("herd_cache_misses_total", "Predictions not found there.", Double(cache.misses))
        writer.counter(
            "herd_predictions_shared_total", "Predictions that one call asked for and others waited for, too.",
            Double(predictions.joinedCount))
        writer.counter(
            "herd_degraded_decisions_total", "Decisions without a prediction.",
            Double(degradedCount.load(ordering: .relaxed)))
        let (entries, bytes) = decisions.queue.waiting
        writer.gauge("herd_decision_log_queued_entries", "Decisions that wait for the disk.", Double(entries))
        writer.gauge("herd_decision_log_queued_bytes", "Their bytes.", Double(bytes))
        writer.counter(
            "herd_decision_log_dropped_total", "Decisions not logged because too many waited.",
            Double(droppedCount.load(ordering: .relaxed) + hits.dropped))
        let queued = cache.queue.figures
        writer.gauge("herd_cache_queued_records", "Predictions that wait for the disk.", Double(queued.records))
        writer.gauge("herd_cache_queued_bytes", "Their bytes.", Double(queued.bytes))
        writer.counter(
            "herd_cache_dropped_total", "Predictions not stored because too many waited.", Double(queued.dropped))
        writer.gauge("herd_sessions_in_memory", "Conversations known without the store.", Double(sessions.count))
    }
}
