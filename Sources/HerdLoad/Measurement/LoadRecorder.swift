import HerdFrames
import NIOConcurrencyHelpers

/// The failures of one status code.
struct FailureTally: Sendable {
    var count: Int
    /// Of the first of them: what was wrong, and what to do.
    var message: String
}

/// What became of the requests that count.
struct LoadTally: Sendable {
    /// Of those that succeeded.
    var latencies = LatencyHistogram()
    var failures: [StatusCode: FailureTally] = [:]
    var transfer = Transfer()
    /// When the last one ended.
    var lastEnd: ContinuousClock.Instant?

    mutating func add(_ other: LoadTally) {
        latencies.add(other.latencies)
        failures.merge(other.failures) { FailureTally(count: $0.count + $1.count, message: $0.message) }
        transfer.messages += other.transfer.messages
        transfer.bytes += other.transfer.bytes
        lastEnd = [lastEnd, other.lastEnd].compactMap { $0 }.max()
    }
}

/// Counts the requests of one connection, from any thread.
final class LoadRecorder: Sendable {
    private let tally = NIOLockedValueBox(LoadTally())

    var current: LoadTally { tally.withLockedValue { $0 } }

    func record(start: ContinuousClock.Instant, end: ContinuousClock.Instant, _ result: Result<Transfer, CallError>) {
        tally.withLockedValue { tally in
            tally.lastEnd = end
            switch result {
            case .success(let transfer):
                tally.latencies.record(nanoseconds: (end - start).nanoseconds)
                tally.transfer.messages += transfer.messages
                tally.transfer.bytes += transfer.bytes
            case .failure(let error):
                tally.failures[error.code, default: FailureTally(count: 0, message: error.message)].count += 1
            }
        }
    }
}

extension Duration {
    var nanoseconds: Int64 {
        Int64(clamping: components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000)
    }
}
