import HerdServer

/// What is told of the predictor version in force.
enum PredictorMetrics {
    /// - Parameters:
    ///   - version: Nil for none.
    ///   - createdMs: When it was trained, in milliseconds since 1970; 0 = unknown.
    static func write(version: String?, createdMs: UInt64, to writer: inout MetricsWriter) {
        writer.gauge("herd_predictor_info", "The predictor version in force; always 1, and missing without one.") {
            samples in
            if let version { samples.add(MetricLabels(["version": version]), 1) }
        }
        writer.gauge("herd_predictor_age_seconds", "Since it was trained; missing where that is not known.") {
            samples in
            if version != nil, let age = age(createdMs: createdMs) { samples.add(age) }
        }
    }

    /// For Status: `predictor_age_seconds`, missing without a predictor, and where it is not known.
    static func figures(createdMs: UInt64) -> [String: Double] {
        age(createdMs: createdMs).map { ["predictor_age_seconds": $0.rounded()] } ?? [:]
    }

    /// Seconds since it was trained.
    private static func age(createdMs: UInt64) -> Double? {
        guard createdMs > 0 else { return nil }
        return max(0, Double(WallClock.milliseconds()) - Double(createdMs)) / 1e3
    }
}
