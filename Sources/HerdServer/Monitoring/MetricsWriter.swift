/// Writes metrics as Prometheus reads them: its text format 0.0.4, or OpenMetrics 1.0.
///
/// <https://prometheus.io/docs/instrumenting/exposition_formats/>, <https://prometheus.io/docs/specs/om/open_metrics_spec/>
package struct MetricsWriter: Sendable {
    package enum Format: Sendable, Hashable, CaseIterable {
        case text
        case openMetrics

        package var contentType: String {
            switch self {
            case .text: "text/plain; version=0.0.4; charset=utf-8"
            case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }
    }

    package let format: Format
    private var bytes: [UInt8] = []

    package init(_ format: Format) {
        self.format = format
        bytes.reserveCapacity(64 << 10)
    }

    /// All that was written, and its end.
    package consuming func finish() -> [UInt8] {
        if format == .openMetrics { bytes += "# EOF\n".utf8 }
        return bytes
    }

    // MARK: - Families

    /// A number that only rises while the process lives; its name ends in `_total`.
    package mutating func counter(_ name: String, _ help: String, _ value: Double) {
        counter(name, help) { $0.add(value) }
    }

    package mutating func counter(_ name: String, _ help: String, _ write: (inout Samples) -> Void) {
        family(name, type: "counter", help, write)
    }

    /// A number that rises and falls.
    package mutating func gauge(_ name: String, _ help: String, _ value: Double) {
        gauge(name, help) { $0.add(value) }
    }

    package mutating func gauge(_ name: String, _ help: String, _ write: (inout Samples) -> Void) {
        family(name, type: "gauge", help, write)
    }

    /// Durations; the name ends in `_seconds`.
    package mutating func histogram(_ name: String, _ help: String, _ counts: DurationCounts) {
        histogram(name, help) { $0.add(counts) }
    }

    package mutating func histogram(_ name: String, _ help: String, _ write: (inout Samples) -> Void) {
        family(name, type: "histogram", help, write)
    }

    /// Sums and how much is in them.
    package mutating func summary(_ name: String, _ help: String, _ write: (inout Samples) -> Void) {
        family(name, type: "summary", help, write)
    }

    private mutating func family(_ name: String, type: String, _ help: String, _ write: (inout Samples) -> Void) {
        // OpenMetrics has the end of a counter's name belong to the sample.
        let isCounter = type == "counter" && format == .openMetrics && name.hasSuffix("_total")
        let family = isCounter ? String(name.dropLast("_total".count)) : name
        bytes += "# HELP \(family) ".utf8
        for byte in help.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): bytes += #"\\"#.utf8
            case UInt8(ascii: "\n"): bytes += #"\n"#.utf8
            case UInt8(ascii: "\"") where format == .openMetrics: bytes += #"\""#.utf8
            default: bytes.append(byte)
            }
        }
        bytes += "\n# TYPE \(family) \(type)\n".utf8
        // Moved out and in, so that nothing is copied.
        var samples = Samples(name: Array(name.utf8), bytes: bytes)
        bytes = []
        write(&samples)
        bytes = samples.bytes
    }

    /// The samples of one family.
    package struct Samples {
        fileprivate let name: [UInt8]
        fileprivate var bytes: [UInt8]

        package mutating func add(_ value: Double) { add(MetricLabels(), value) }

        package mutating func add(_ labels: MetricLabels, _ value: Double) {
            begin("", labels)
            end(value)
        }

        /// Of a histogram.
        package mutating func add(_ counts: DurationCounts) { add(MetricLabels(), counts) }

        package mutating func add(_ labels: MetricLabels, _ counts: DurationCounts) {
            var below: UInt64 = 0
            var next = 0
            for (place, seconds) in DurationBuckets.shown {
                while next <= place {
                    below += counts.buckets[next]
                    next += 1
                }
                begin("_bucket", labels, bound: seconds)
                end(Double(below))
            }
            for count in counts.buckets[next...] { below += count }
            begin("_bucket", labels, bound: Array("+Inf".utf8))
            end(Double(below))
            add(labels, sum: Double(counts.nanoseconds) / 1e9, count: below)
        }

        /// Of a histogram with bounds of its own: how many are over the bound before and not over this one.
        package mutating func add(
            upTo bounds: [(seconds: Double, count: UInt64)], above: UInt64, sum: Double
        ) {
            let labels = MetricLabels()
            var below: UInt64 = 0
            for (seconds, count) in bounds {
                below += count
                begin("_bucket", labels, bound: Array("\(seconds)".utf8))
                end(Double(below))
            }
            below += above
            begin("_bucket", labels, bound: Array("+Inf".utf8))
            end(Double(below))
            add(labels, sum: sum, count: below)
        }

        /// Of a summary.
        package mutating func add(_ labels: MetricLabels, sum: Double, count: UInt64) {
            begin("_sum", labels)
            end(sum)
            begin("_count", labels)
            end(Double(count))
        }

        private mutating func begin(_ suffix: StaticString, _ labels: MetricLabels, bound: [UInt8] = []) {
            bytes += name
            suffix.withUTF8Buffer { bytes += $0 }
            if !labels.text.isEmpty || !bound.isEmpty {
                bytes.append(UInt8(ascii: "{"))
                bytes += labels.text
                if !bound.isEmpty {
                    if !labels.text.isEmpty { bytes.append(UInt8(ascii: ",")) }
                    bytes += #"le=""#.utf8
                    bytes += bound
                    bytes.append(UInt8(ascii: "\""))
                }
                bytes.append(UInt8(ascii: "}"))
            }
            bytes.append(UInt8(ascii: " "))
        }

        private mutating func end(_ value: Double) {
            // Whole numbers are most, and written faster.
            if let whole = Int64(exactly: value) {
                bytes += "\(whole)".utf8
            } else if value.isNaN {
                bytes += "NaN".utf8
            } else if value.isInfinite {
                bytes += (value > 0 ? "+Inf" : "-Inf").utf8
            } else {
                bytes += value.description.utf8
            }
            bytes.append(UInt8(ascii: "\n"))
        }
    }
}

/// The labels of a sample, as they are written.
package struct MetricLabels: Sendable, Equatable {
    fileprivate var text: [UInt8] = []

    package init() {}

    package init(_ labels: KeyValuePairs<String, String>) {
        for (name, value) in labels { add(name, value) }
    }

    /// The same and one more.
    package func adding(_ name: String, _ value: String) -> MetricLabels {
        var labels = self
        labels.add(name, value)
        return labels
    }

    private mutating func add(_ name: String, _ value: String) {
        if !text.isEmpty { text.append(UInt8(ascii: ",")) }
        text += name.utf8
        text += #"=""#.utf8
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): text += #"\\"#.utf8
            case UInt8(ascii: "\""): text += #"\""#.utf8
            case UInt8(ascii: "\n"): text += #"\n"#.utf8
            default: text.append(byte)
            }
        }
        text.append(UInt8(ascii: "\""))
    }
}
