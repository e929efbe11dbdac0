import CCurl

/// A moment on the machine's monotonic clock (`CLOCK_MONOTONIC`), which is also the one of NIO's deadlines.
package struct MonotonicInstant: Sendable, Hashable, Comparable {
    /// Since some moment in the past.
    package var nanoseconds: UInt64

    package init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    package static var now: MonotonicInstant {
        MonotonicInstant(nanoseconds: herd_monotonic_nanoseconds())
    }

    /// Later than any other.
    package static let distantFuture = MonotonicInstant(nanoseconds: .max)

    package static func < (left: MonotonicInstant, right: MonotonicInstant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Later by `duration`; never past `distantFuture`, and not earlier for a negative one.
    package func advanced(by duration: Duration) -> MonotonicInstant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(duration.clampedNanoseconds)
        return overflow ? .distantFuture : MonotonicInstant(nanoseconds: sum)
    }

    /// How long it is from here to `later`; zero where that has passed.
    package func duration(to later: MonotonicInstant) -> Duration {
        .nanoseconds(Int64(clamping: later.nanoseconds > nanoseconds ? later.nanoseconds - nanoseconds : 0))
    }

    /// The same in seconds.
    package func seconds(to later: MonotonicInstant) -> Double {
        later.nanoseconds > nanoseconds ? Double(later.nanoseconds - nanoseconds) / 1e9 : 0
    }
}

extension Duration {
    /// From 0 up to what fits.
    var clampedNanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return .max }
        let (sum, overflows) = whole.addingReportingOverflow(UInt64(attoseconds) / 1_000_000_000)
        return overflows ? .max : sum
    }

    var inSeconds: Double { Double(clampedNanoseconds) / 1e9 }

    init(clampingSeconds seconds: Double) {
        self = .nanoseconds(seconds.isNaN ? 0 : Int64(min(max(0, seconds) * 1e9, 9e18)))
    }
}
