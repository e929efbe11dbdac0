import HerdFrames
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
    package let pace: LoadPlan.Pace
    /// From the first request that counts to the end of the last that succeeded.
    package let elapsedSeconds: Double
    package let wasInterrupted: Bool
    /// Of the requests that succeeded, in an open loop from the moment when they were to begin.
    package let latencies: LatencyHistogram
    /// Of streams that succeeded, to the first token or message.
    package let firstTokens: LatencyHistogram
    /// Open loops: how long after the moment when they were to begin requests were sent.
    package let sendDelays: LatencyHistogram
    /// By status code, the most frequent first.
    package let failures: [Failure]
    package let messages: UInt64
    package let messageBytes: UInt64
    /// Open loops: requests that began for each second that counts, and how many of them were answered in it.
    package let offeredRate: Double?
    package let answeredRate: Double?
    /// Processors that the load generator kept busy.
    package let ownProcessors: Double
    /// Of these, what went into waiting awake for the next request's moment.
    package let awakeProcessors: Double
    package let processors: Int
    /// Processor time of the servers, in seconds; nil where it is not known.
    package let serverSeconds: Double?

    /// Processors kept busy, by whom.
    private let shares: ProcessorShares
    /// How late this program itself was.
    private let pacing: LatencyHistogram
    /// Seconds that requests were to be counted; nil where a number of them was.
    private let plannedSeconds: Double?

    /// Characters of a failure's message that are shown.
    private static let longestMessage = 300

    init(
        workload: String, plan: LoadPlan, tally: LoadTally, elapsed: Double, cpu: CPUMeter.Used?, busiestThread: Double,
        awake: Double, wasInterrupted: Bool
    ) {
        self.workload = workload
        servers = plan.servers
        connections = plan.connections
        pace = plan.pace
        elapsedSeconds = max(1e-9, elapsed)
        self.wasInterrupted = wasInterrupted
        latencies = tally.latencies
        firstTokens = tally.firstTokens
        sendDelays = tally.sendDelays
        pacing = tally.pacing
        failures = tally.failures.map { code, failure in
            let message = failure.message.unicodeScalars
            let isLong = message.count > Self.longestMessage
            return Failure(
                code: "\(code)", count: failure.count,
                message: isLong ? String(message.prefix(Self.longestMessage)) + "..." : failure.message)
        }.sorted { ($1.count, $0.code) < ($0.count, $1.code) }
        messages = tally.messages
        messageBytes = tally.messageBytes
        plannedSeconds = plan.requests == nil ? plan.duration.map { $0 / .seconds(1) } : nil
        if case .rate = plan.pace, let seconds = plannedSeconds, !wasInterrupted {
            offeredRate = Double(tally.begun) / seconds
            answeredRate = Double(tally.answeredInTime) / seconds
        } else {
            (offeredRate, answeredRate) = (nil, nil)
        }
        ownProcessors = cpu?.ownProcessors ?? 0
        awakeProcessors = awake
        processors = ProcessorTime.processors
        serverSeconds = cpu?.serverSeconds
        shares = ProcessorShares(
            own: max(0, (cpu?.ownProcessors ?? 0) - awake), busiestThread: busiestThread,
            servers: cpu?.serverProcessors,
            all: ProcessorTime.processors)
    }

    package var failed: Int { failures.reduce(0) { $0 + $1.count } }

    /// Successful ones.
    package var requestsPerSecond: Double { Double(latencies.count) / elapsedSeconds }

    /// Processor time of the servers for each request that ended, in microseconds.
    package var serverMicroseconds: Double? {
        let ended = latencies.count + failed
        return ended == 0 ? nil : serverSeconds.map { $0 / Double(ended) * 1e6 }
    }

    /// 0 unless all requests failed, or there was none.
    package var exitCode: Int32 { latencies.count > 0 ? 0 : 69 }

    static let percentiles = [
        ("p50", 0.5), ("p75", 0.75), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999),
    ]

    /// What was done to the servers, in a few words.
    package var title: String {
        let loop =
            switch pace {
            case .inFlight(let count): "\(connections) connections x \(count) in flight"
            case .rate(let rate, let pattern):
                "\(FixedDecimals.short(rate)) requests/s (\(pattern.rawValue)) on \(connections) connections"
            }
        return "\(workload), \(loop)"
    }

    /// A server's words, which must not play tricks on a terminal.
    static func quoted(_ message: String) -> String { JSONNode.string(message).text() }
}

// MARK: - What to mind

extension LoadReport {
    /// What to mind in reading the figures.
    package var warnings: [String] {
        var warnings: [String] = []
        if latencies.count == 0 { warnings.append(emptiness) }
        if shares.generatorIsTheLimit {
            warnings.append(
                "the load generator itself used \(FixedDecimals.short(ownProcessors)) of \(processors) processors, its "
                    + "busiest thread \(Int(shares.busiestThread * 100)) % of one: it may be what is measured; use more "
                    + "threads (--threads) or another machine")
        }
        if case .inFlight(let count) = pace, count > LoadPlan.serverCalls {
            warnings.append(
                "a server answers \(LoadPlan.serverCalls) calls of a connection at once, so \(count) in flight measure "
                    + "the queue before it; use more connections with fewer each")
        }
        warnings += rateWarnings
        if latencies.count > 0, latencies.count < 1_000 {
            warnings.append("\(latencies.count) requests are too few for p99.9; let it run longer")
        }
        return warnings
    }

    private var emptiness: String {
        if let first = failures.first {
            return "no request succeeded; the first that failed: \(first.code): \(Self.quoted(first.message))"
        }
        if wasInterrupted { return "interrupted before a request that counts had ended" }
        let time = plannedSeconds.map { "the \(FixedDecimals.short($0)) s that count" } ?? "the time that counts"
        return
            "no request began and ended in \(time); let it run longer (--seconds), or make requests smaller or fewer "
            + "(--messages, --bytes, --in-flight)"
    }

    private var rateWarnings: [String] {
        var warnings: [String] = []
        // Requests that were refused at once are no matter of speed; those that took too long or waited too many are.
        let refused = failures.filter { !["DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"].contains($0.code) }
            .reduce(0) { $0 + $1.count }
        if let offeredRate, let answeredRate, let plannedSeconds,
            answeredRate + Double(refused) / plannedSeconds < 0.95 * offeredRate
        {
            warnings.append(
                "of \(FixedDecimals.short(offeredRate)) requests/s only \(FixedDecimals.short(answeredRate)) were answered "
                    + "in time: the servers do not keep the rate, and latencies grow with the length of the run; ask "
                    + "for less (--rate)")
        }
        let late = pacing.percentile(0.99)
        if pacing.count > 0, late > 1_000_000 {
            warnings.append(
                "the load generator itself began one request in a hundred over "
                    + "\(FixedDecimals.short(Double(late) / 1e6)) ms late, which counts in the latencies; use more threads "
                    + "(--threads), a lower --rate or a machine with time to spare")
        }
        return warnings
    }
}
