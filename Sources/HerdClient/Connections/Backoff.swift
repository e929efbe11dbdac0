import HerdTransport
import NIOCore

/// When to connect again after attempts that failed: pauses that double, each shortened at random by up to a half, so
/// that many clients do not come back all at once.
struct Backoff {
    private var failures = 0
    private var lastAttempt = NIODeadline.uptimeNanoseconds(0)
    private(set) var nextAttempt = NIODeadline.uptimeNanoseconds(0)

    mutating func attempted() {
        lastAttempt = .now()
    }

    mutating func succeeded() {
        failures = 0
        nextAttempt = .uptimeNanoseconds(0)
    }

    mutating func failed(_ configuration: ClientConfiguration) {
        nextAttempt = lastAttempt + Self.pause(after: failures, configuration)
        failures += 1
    }

    /// The pause after `failures` earlier failures and this one.
    static func pause(after failures: Int, _ configuration: ClientConfiguration) -> TimeAmount {
        let longest = configuration.maximumBackoff.clampedNanoseconds
        let first = min(max(1, configuration.minimumBackoff.clampedNanoseconds), max(1, longest))
        let doubled = first.multipliedReportingOverflow(by: 1 << min(failures, 32))
        let pause = doubled.overflow ? longest : min(doubled.partialValue, longest)
        return .nanoseconds(Int64.random(in: pause / 2...max(pause / 2, pause)))
    }
}
