import HerdFrames

/// The failures of one status code.
struct FailureTally: Sendable {
    var count: Int
    /// Of the first of them: what was wrong, and what to do.
    var message: String
}

/// What became of the requests that count.
struct LoadTally: Sendable {
    /// Of those that succeeded, from the moment when they began or were to begin.
    var latencies = LatencyHistogram()
    /// Of streams that succeeded, to their first token or message.
    var firstTokens = LatencyHistogram()
    /// How long after the moment when they were to begin requests were handed to the kernel. Open loops only.
    var sendDelays = LatencyHistogram()
    /// How late this program itself was in that. Open loops only.
    var pacing = LatencyHistogram()
    var failures: [StatusCode: FailureTally] = [:]
    /// Messages of streams and their packed bytes.
    var messages: UInt64 = 0
    var messageBytes: UInt64 = 0
    /// Requests that were to begin.
    var begun = 0
    /// Those of them that were answered while more began.
    var answeredInTime = 0
    /// When the last one that succeeded, or any, ended.
    var lastSuccess: Int64 = 0
    var lastEnd: Int64 = 0

    mutating func add(_ other: LoadTally) {
        latencies.add(other.latencies)
        firstTokens.add(other.firstTokens)
        sendDelays.add(other.sendDelays)
        pacing.add(other.pacing)
        failures.merge(other.failures) { FailureTally(count: $0.count + $1.count, message: $0.message) }
        messages += other.messages
        messageBytes += other.messageBytes
        begun += other.begun
        answeredInTime += other.answeredInTime
        lastSuccess = max(lastSuccess, other.lastSuccess)
        lastEnd = max(lastEnd, other.lastEnd)
    }

    mutating func fail(_ code: StatusCode, _ message: @autoclosure () -> String, at time: Int64) {
        if failures[code] == nil { failures[code] = FailureTally(count: 0, message: message()) }
        failures[code]?.count += 1
        lastEnd = max(lastEnd, time)
    }
}
