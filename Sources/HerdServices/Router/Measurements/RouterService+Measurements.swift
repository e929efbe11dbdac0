import HerdBackends
import HerdMessages
import HerdPolicy
import NIOConcurrencyHelpers
import NIOCore

extension RouterService {
    /// Publishes what calls have shown of the models' latencies, at most once a second, until the task is cancelled.
    func publishMeasurements() async {
        var estimates = LatencyEstimates(published: measurements.current.latencies, now: Self.seconds)
        var seen: UInt64 = 0
        var lookedAt = Self.seconds
        while !Task.isCancelled {
            let revision = runner.pool.measurementRevision
            let changed = changedModels.take()
            // What is old fades without a call.
            if revision != seen || !changed.isEmpty || Self.seconds - lookedAt > Self.secondsBetweenLooks {
                seen = revision
                lookedAt = Self.seconds
                for model in changed { estimates.forget(model) }
                estimates.take(runner.pool.measurements().mapValues(LatencyEstimates.Sample.init), now: lookedAt)
                await measurements.publish(estimates.current(declared: declaredLatencies, now: lookedAt))
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private static let secondsBetweenLooks = 30.0

    private static var seconds: Double { Double(NIODeadline.now().uptimeNanoseconds) / 1e9 }

    private var declaredLatencies: [String: PublishedMeasurements.Latency] {
        var declared: [String: PublishedMeasurements.Latency] = [:]
        for model in view.current.registry.models {
            declared[model.name] = PublishedMeasurements.Latency(
                firstTokenSeconds: model.firstTokenSeconds ?? 0, tokensPerSecond: model.tokensPerSecond ?? 0)
        }
        return declared
    }
}

extension LatencyEstimates.Sample {
    fileprivate init(_ measurement: ModelMeasurement) {
        self.init(
            PublishedMeasurements.Latency(
                firstTokenSeconds: measurement.firstTokenSeconds, tokensPerSecond: measurement.tokensPerSecond ?? 0),
            calls: measurement.samples)
    }
}

/// The models whose measurements no longer hold: they were removed, are served elsewhere or are declared otherwise.
final class ChangedModels: Sendable {
    private struct State {
        var registry: RegistrySnapshot?
        var names: Set<String> = []
    }

    private let state = NIOLockedValueBox(State())

    /// Has to hear of every snapshot, in their order.
    func update(_ registry: RegistrySnapshot) {
        state.withLockedValue { state in
            if let before = state.registry {
                let changes = ModelChanges(from: before.entries, to: registry.entries)
                state.names.formUnion(changes.removed)
                for entry in changes.put {
                    guard let old = before.model(named: entry.model.name) else { continue }
                    if !Self.isMeasuredAlike(old, entry.model) { state.names.insert(old.name) }
                }
            }
            state.registry = registry
        }
    }

    /// Those since the last time.
    func take() -> Set<String> {
        state.withLockedValue { state in
            defer { state.names = [] }
            return state.names
        }
    }

    private static func isMeasuredAlike(_ old: Model, _ new: Model) -> Bool {
        old.firstTokenSeconds == new.firstTokenSeconds && old.tokensPerSecond == new.tokensPerSecond
            && old.endpoints.elementsEqual(new.endpoints) { $0.baseUrl == $1.baseUrl && $0.model == $1.model }
    }
}
