import HerdJSON

/// What a run came to.
package struct LoadReport: Sendable {
    /// The failures of one status code.
    package struct Failure: Sendable, Equatable {
        package var code: String
        package var count: Int
        /// What the first of them says.
        package var message: String
    }

    package let workload: String
    package let servers: [String]
    package let connections: Int
    package let inFlight: Int
    /// From the first request that counts to the end of the last.
    package let elapsedSeconds: Double
    package let wasInterrupted: Bool
    /// Of the requests that succeeded.
    package let latencies: LatencyHistogram
    /// By status code, the most frequent first.
    package let failures: [Failure]
    package let messages: UInt64
    package let messageBytes: UInt64
    /// Processors that the load generator kept busy.
    package let ownProcessors: Double
    package let processors: Int
    /// Processor time of the servers, in seconds; nil where it is not known.
    package let serverSeconds: Double?

    /// Processors kept busy, by whom.
    private let shares: ProcessorShares
    /// Seconds that requests were to be counted.
    private let plannedSeconds: Double

    /// Calls of one connection that a server answers at once; the client holds back what is over.
    private static let serverCalls = 1_024
    /// Characters of a failure's message that are shown.
    private static let longestMessage = 300

    init(
        workload: String, plan: LoadPlan, tally: LoadTally, elapsed: Double, cpu: CPUMeter.Used, wasInterrupted: Bool
    ) {
        self.workload = workload
        servers = plan.servers
        connections = plan.connections
        inFlight = plan.inFlight
        elapsedSeconds = max(1e-9, elapsed)
        self.wasInterrupted = wasInterrupted
        latencies = tally.latencies
        failures = tally.failures.map { code, failure in
            let message = failure.message.unicodeScalars
            let isLong = message.count > Self.longestMessage
            return Failure(
                code: "\(code)", count: failure.count,
                message: isLong ? String(message.prefix(Self.longestMessage)) + "..." : failure.message)
        }.sorted { ($1.count, $0.code) < ($0.count, $1.code) }
        messages = tally.transfer.messages
        messageBytes = tally.transfer.bytes
        ownProcessors = cpu.ownProcessors
        processors = ProcessorTime.processors
        serverSeconds = cpu.serverSeconds
        shares = ProcessorShares(
            own: cpu.ownProcessors, busiestThread: cpu.busiestThread, servers: cpu.serverProcessors,
            all: ProcessorTime.processors)
        plannedSeconds = plan.duration / .seconds(1)
    }

    package var failed: Int { failures.reduce(0) { $0 + $1.count } }

    /// Successful ones.
    package var requestsPerSecond: Double { Double(latencies.count) / elapsedSeconds }

    /// Processor time of the servers for each request that ended, in microseconds.
    package var serverMicroseconds: Double? {
        let ended = latencies.count + failed
        return ended == 0 ? nil : serverSeconds.map { $0 / Double(ended) * 1e6 }
    }

    /// What to mind in reading the figures.
    package var warnings: [String] {
        var warnings: [String] = []
        if latencies.count == 0 {
            if let first = failures.first {
                warnings.append(
                    "no request succeeded; the first that failed: \(first.code): \(Self.quoted(first.message))")
            } else if wasInterrupted {
                warnings.append("interrupted before a request that counts had ended")
            } else {
                warnings.append(
                    "no request began and ended in the \(Self.text(plannedSeconds)) s that count; let it run longer "
                        + "(--seconds), or make requests smaller or fewer (--count, --bytes, --in-flight)")
            }
        }
        if shares.generatorIsTheLimit {
            warnings.append(
                "the load generator itself used \(Self.text(ownProcessors)) of \(processors) processors, its busiest "
                    + "thread \(Int(shares.busiestThread * 100)) % of one: it may be what is measured; use fewer requests "
                    + "in flight, more connections, or another machine")
        }
        if inFlight > Self.serverCalls {
            warnings.append(
                "a server answers \(Self.serverCalls) calls of a connection at once, so \(inFlight) in flight measure the "
                    + "client's queue; use more connections with fewer each")
        }
        if latencies.count > 0, latencies.count < 1_000 {
            warnings.append("\(latencies.count) requests are too few for p99.9; let it run longer")
        }
        return warnings
    }

    /// 0 unless all requests failed, or there was none.
    package var exitCode: Int32 { latencies.count > 0 ? 0 : 69 }

    private static let percentiles = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)]
}

// MARK: - For people and programs

extension LoadReport {
    package var table: String {
        var rows = [
            ("workload", "\(workload), \(connections) connections x \(inFlight) in flight"),
            ("servers", servers.joined(separator: ", ")),
            ("time", "\(Self.text(elapsedSeconds)) s\(wasInterrupted ? ", interrupted" : "")"),
            ("requests", "\(latencies.count) ok, \(failed) failed"),
            ("requests/s", Self.text(requestsPerSecond)),
        ]
        if messages > 0 {
            rows.append(("messages/s", Self.text(Double(messages) / elapsedSeconds)))
            rows.append(("MB/s", Self.text(Double(messageBytes) / 1e6 / elapsedSeconds)))
        }
        if latencies.count > 0 {
            for (name, share) in Self.percentiles {
                rows.append((name, "\(Self.milliseconds(latencies.percentile(share))) ms"))
            }
            rows.append(("max", "\(Self.milliseconds(latencies.maximum)) ms"))
        }
        for failure in failures {
            rows.append((failure.code, "\(failure.count), the first: \(Self.quoted(failure.message))"))
        }
        if let serverMicroseconds { rows.append(("server CPU", "\(Self.text(serverMicroseconds)) us/request")) }
        rows.append(("own CPU", "\(Self.text(ownProcessors)) of \(processors) processors"))
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { name, value in
            "\(name)\(String(repeating: " ", count: width - name.count + 2))\(value)\n"
        }.joined()
    }

    /// JSON in several lines, with latencies in milliseconds.
    package var json: String {
        var percentiles: [(key: String, value: JSONNode)] = Self.percentiles.map { name, share in
            (name, .number(Double(latencies.percentile(share)) / 1e6))
        }
        percentiles.append(("max", .number(Double(latencies.maximum) / 1e6)))
        percentiles.append(("mean", .number(latencies.mean / 1e6)))
        let report = JSONNode.object([
            ("workload", .string(workload)), ("servers", .array(servers.map(JSONNode.string))),
            ("connections", .number(connections)), ("in_flight", .number(inFlight)),
            ("seconds", .number(elapsedSeconds)), ("interrupted", .bool(wasInterrupted)),
            ("requests", .number(latencies.count)), ("requests_per_second", .number(requestsPerSecond)),
            ("latency_ms", .object(percentiles)),
            ("failures", .object(failures.map { ($0.code, .number($0.count)) })),
            ("failure_messages", .object(failures.map { ($0.code, .string($0.message)) })),
            ("messages_per_second", .number(Double(messages) / elapsedSeconds)),
            ("megabytes_per_second", .number(Double(messageBytes) / 1e6 / elapsedSeconds)),
            ("server_cpu_us_per_request", serverMicroseconds.map { .number($0) } ?? .null),
            ("own_cpu_processors", .number(ownProcessors)), ("processors", .number(processors)),
            ("warnings", .array(warnings.map(JSONNode.string))),
        ])
        return report.text() + "\n"
    }

    /// Three digits that count, or all before the point.
    static func text(_ value: Double) -> String {
        var scale = 1.0
        while value * scale < 100, scale < 1_000 { scale *= 10 }
        let rounded = (value * scale).rounded() / scale
        return rounded.truncatingRemainder(dividingBy: 1) == 0 ? "\(Int(rounded))" : "\(Float(rounded))"
    }

    /// A server's words, which must not play tricks on a terminal.
    private static func quoted(_ message: String) -> String { JSONNode.string(message).text() }

    private static func milliseconds(_ nanoseconds: Int64) -> String { text(Double(nanoseconds) / 1e6) }
}

extension LoadProgress {
    /// One line for a terminal.
    package func line(of duration: Duration) -> String {
        let seconds = max(1e-9, elapsed / .seconds(1))
        let failed = failures == 0 ? "" : ", \(failures) failed"
        return
            "\(Int(seconds)) s of \(Int(duration / .seconds(1))) s: \(Int(Double(requests) / seconds)) requests/s, p50 "
            + "\(LoadReport.text(median / .milliseconds(1))) ms\(failed)"
    }
}
