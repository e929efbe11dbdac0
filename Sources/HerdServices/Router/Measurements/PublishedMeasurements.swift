import HerdMessages
import HerdPolicy

/// What the models' latencies were measured to be, under the revision that stands for exactly these values.
package struct PublishedMeasurements: Sendable, Equatable {
    /// 0 = not measured yet.
    package struct Latency: Sendable, Equatable {
        package var firstTokenSeconds: Double
        package var tokensPerSecond: Double

        package init(firstTokenSeconds: Double = 0, tokensPerSecond: Double = 0) {
            self.firstTokenSeconds = firstTokenSeconds
            self.tokensPerSecond = tokensPerSecond
        }
    }

    /// 0 until anything was measured.
    package var revision: UInt64 = 0
    package var latencies: [String: Latency] = [:]

    package init(revision: UInt64 = 0, latencies: [String: Latency] = [:]) {
        self.revision = revision
        self.latencies = latencies
    }

    /// What is believed now, on the grid, in place of these; nil where that changes nothing.
    package func updated(to estimates: [String: Latency]) -> PublishedMeasurements? {
        var next: [String: Latency] = [:]
        for (model, latency) in estimates {
            let before = latencies[model] ?? Latency()
            let published = Latency(
                firstTokenSeconds: Self.next(latency.firstTokenSeconds, before.firstTokenSeconds),
                tokensPerSecond: Self.next(latency.tokensPerSecond, before.tokensPerSecond))
            if published != Latency() { next[model] = published }
        }
        return next == latencies ? nil : PublishedMeasurements(revision: revision + 1, latencies: next)
    }

    private static func next(_ value: Double, _ published: Double) -> Double {
        value > 0 ? PreferredNumber.next(for: value, published: published) : 0
    }

    /// The models with their measured latencies in place of the declared ones.
    func applied(to models: [ModelProfile]) -> [ModelProfile] {
        guard !latencies.isEmpty else { return models }
        return models.map { model in
            guard let latency = latencies[model.name] else { return model }
            var model = model
            if latency.firstTokenSeconds > 0 { model.firstTokenSeconds = latency.firstTokenSeconds }
            if latency.tokensPerSecond > 0 { model.tokensPerSecond = latency.tokensPerSecond }
            return model
        }
    }
}

extension PublishedMeasurements {
    init(_ record: MeasurementsRecord) {
        self.init(revision: record.revision)
        for model in record.models {
            latencies[model.model] = Latency(
                firstTokenSeconds: model.firstTokenSeconds, tokensPerSecond: model.tokensPerSecond)
        }
    }

    var record: MeasurementsRecord {
        let models = latencies.sorted { $0.key < $1.key }.map { model, latency in
            MeasuredModelRecord(
                model: model, firstTokenSeconds: latency.firstTokenSeconds, tokensPerSecond: latency.tokensPerSecond)
        }
        return MeasurementsRecord(revision: revision, models: models)
    }
}
