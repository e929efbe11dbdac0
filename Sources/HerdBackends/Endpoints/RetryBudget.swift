import NIOConcurrencyHelpers

/// How many more attempts may be made again: a bucket that every call fills a little and every retry takes one from, after
/// gRPC's retry throttling and Finagle's retry budgets.
package final class RetryBudget: Sendable {
    private struct Bucket {
        var tokens: Double
        var refilled: MonotonicInstant
    }

    private let ratio: Double
    private let perSecond: Double
    private let capacity: Double
    private let bucket: NIOLockedValueBox<Bucket>

    /// - Parameters:
    ///   - ratio: Retries per call.
    ///   - perSecond: Retries per second besides, for those who call seldom.
    package init(ratio: Double, perSecond: Int, now: MonotonicInstant = .now) {
        self.ratio = ratio.isFinite ? min(max(0, ratio), 1000) : 0
        self.perSecond = Double(min(max(0, perSecond), 1_000_000))
        capacity = max(self.perSecond * 10, self.ratio * 100)
        bucket = NIOLockedValueBox(Bucket(tokens: capacity, refilled: now))
    }

    /// Notes a call.
    package func noteCall() {
        bucket.withLockedValue { $0.tokens = min(capacity, $0.tokens + ratio) }
    }

    /// Whether one more retry is within the budget; counts it if so.
    package func takeRetry(at now: MonotonicInstant = .now) -> Bool {
        bucket.withLockedValue { bucket in
            bucket.tokens = min(capacity, bucket.tokens + bucket.refilled.seconds(to: now) * perSecond)
            bucket.refilled = max(bucket.refilled, now)
            guard bucket.tokens >= 1 else { return false }
            bucket.tokens -= 1
            return true
        }
    }

    /// Retries that could be made now.
    package var left: Int { Int(bucket.withLockedValue { $0.tokens }) }
}
