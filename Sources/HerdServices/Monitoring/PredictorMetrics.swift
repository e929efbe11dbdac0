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
            guard version != nil, createdMs > 0 else { return }
            samples.add(max(0, Double(WallClock.milliseconds()) - Double(createdMs)) / 1e3)
        }
    }
}
