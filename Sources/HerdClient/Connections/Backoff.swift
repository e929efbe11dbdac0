import HerdTransport
import NIOCore

/// When to connect again after attempts that failed: at random within pauses that double (full jitter), so that many
/// clients do not come back all at once.
///
/// A connection that the server greets and soon ends counts as a failed attempt, too.
struct Backoff {
    private var failures = 0
    private var lastAttempt = NIODeadline.uptimeNanoseconds(0)
    private var greeted = NIODeadline.distantFuture
    private(set) var nextAttempt = NIODeadline.uptimeNanoseconds(0)

    mutating func attempted() {
        lastAttempt = .now()
        greeted = .distantFuture
    }

    mutating func succeeded() {
        greeted = .now()
    }

    /// The connection could not be made, or is over.
    mutating func ended(_ configuration: ClientConfiguration) {
        if greeted <= .now() - configuration.maximumBackoff.timeAmount { failures = 0 }
        // The first time at once where the connection lived, for then nothing says that the server cannot be reached.
        let isFirst = failures == 0 && greeted != .distantFuture
        nextAttempt = isFirst ? lastAttempt : lastAttempt + Self.pause(after: failures, configuration)
        failures += 1
    }

    /// The pause after `failures` earlier failures and this one.
    static func pause(after failures: Int, _ configuration: ClientConfiguration) -> TimeAmount {
        let longest = configuration.maximumBackoff.clampedNanoseconds
        let first = min(max(1, configuration.minimumBackoff.clampedNanoseconds), max(1, longest))
        let doubled = first.multipliedReportingOverflow(by: 1 << min(failures, 32))
        let pause = doubled.overflow ? longest : min(doubled.partialValue, longest)
        return .nanoseconds(Int64.random(in: 0...max(0, pause)))
    }
}
