import HerdBackends
import HerdPolicy

extension RouterService {
    /// Publishes what calls have shown of the models' latencies, at most once a second, until the task is cancelled.
    func publishMeasurements() async {
        var seen: UInt64 = 0
        while !Task.isCancelled {
            let revision = runner.pool.measurementRevision
            if revision != seen {
                seen = revision
                let measured = runner.pool.measurements().mapValues { measurement in
                    PublishedMeasurements.Latency(
                        firstTokenSeconds: measurement.firstTokenSeconds,
                        tokensPerSecond: measurement.tokensPerSecond ?? 0)
                }
                await measurements.publish(measured, models: Set(view.current.registry.models.map(\.name)))
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }
}
