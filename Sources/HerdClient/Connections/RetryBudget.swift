import HerdTransport
import NIOConcurrencyHelpers
package import NIOCore
import Synchronization

/// How many more sent calls may be made again: a bucket of tokens that every call fills a little and every retry takes
/// one from, after gRPC's retry throttling and Finagle's retry budgets.
///
/// Over any time, servers get at most `calls * (1 + ratio) + capacity + minimumPerSecond * seconds` requests.
package final class RetryBudget: Sendable {
    /// In thousandths of a retry.
    private let tokens: Synchronization.Atomic<Int>
    private let deposit: Int
    private let perSecond: Int
    private let capacity: Int
    private let lastRefill = NIOLockedValueBox(NIODeadline.now())

    /// - Parameters:
    ///   - ratio: Retries per call.
    ///   - minimumPerSecond: Retries per second besides, for clients that call seldom.
    package init(ratio: Double, minimumPerSecond: Int) {
        let ratio = ratio.isFinite ? min(max(0, ratio), 1_000) : 0
        deposit = Int(ratio * 1000)
        perSecond = min(max(0, minimumPerSecond), 1_000_000) * 1000
        capacity = max(perSecond * 10, deposit * 100)
        tokens = Synchronization.Atomic(capacity)
    }

    /// What can be saved up: ten seconds of the minimum, or the share of a hundred calls.
    package var maximumRetries: Int { capacity / 1000 }

    /// Notes a call. Most of the time the bucket is full and this is one load.
    package func noteCall() {
        if tokens.load(ordering: .relaxed) < capacity { tokens.wrappingAdd(deposit, ordering: .relaxed) }
    }

    /// Whether one more retry is within the budget; counts it if so.
    package func takeRetry(at now: NIODeadline = .now()) -> Bool {
        lastRefill.withLockedValue { last in
            // Under the lock only retries take tokens away, so what is looked at here can but grow.
            let elapsed = min(max(0, (now - last).nanoseconds), 60_000_000_000)
            let refill = Int(elapsed / 1_000_000) * perSecond / 1000
            if refill > 0 {
                last = now
                let held = tokens.load(ordering: .relaxed)
                tokens.wrappingAdd(min(refill, max(0, capacity - held)), ordering: .relaxed)
            }
            guard tokens.load(ordering: .relaxed) >= 1000 else { return false }
            tokens.wrappingSubtract(1000, ordering: .relaxed)
            return true
        }
    }
}
