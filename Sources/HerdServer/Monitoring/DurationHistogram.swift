import Synchronization

/// Durations counted from any thread, without a lock and without an allocation.
///
/// Each event loop counts in a shard of its own, so that no two of them write to the same line of memory.
package final class DurationHistogram: Sendable {
    private let shards: CounterShards
    private static let total = DurationBuckets.count

    package init(shards: Int = 1) {
        self.shards = CounterShards(count: shards, counters: Self.total + 1)
    }

    /// Counts durations.
    ///
    /// - Parameters:
    ///   - count: how many of them.
    ///   - nanoseconds: of each.
    ///   - total: of all of them, where that is not the product.
    package func record(nanoseconds: UInt64, count: UInt64 = 1, total: UInt64? = nil, shard: Int = 0) {
        shards.add(count, to: DurationBuckets.place(ofNanoseconds: nanoseconds), shard: shard)
        shards.add(total ?? nanoseconds &* count, to: Self.total, shard: shard)
    }

    package var counts: DurationCounts {
        var sums = shards.sums
        let nanoseconds = sums.removeLast()
        return DurationCounts(buckets: sums, nanoseconds: nanoseconds)
    }
}

/// Counters that several threads add to, each in a shard of its own.
final class CounterShards: Sendable {
    private let shardCount: Int
    private let stride: Int
    private let counters: Int
    /// Valid until the end; what it points to is atomic.
    nonisolated(unsafe) private let cells: UnsafeMutablePointer<Atomic<UInt64>>

    /// Counters in a line of memory, which no two shards share.
    private static let line = 16

    init(count: Int, counters: Int) {
        shardCount = max(1, count)
        self.counters = counters
        stride = (counters + Self.line - 1) / Self.line * Self.line
        cells = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: shardCount * stride)
        for index in 0..<shardCount * stride { (cells + index).initialize(to: Atomic(0)) }
    }

    deinit {
        cells.deinitialize(count: shardCount * stride)
        cells.deallocate()
    }

    /// Any number of a shard will do; those that are too high share.
    func add(_ amount: UInt64, to counter: Int, shard: Int) {
        precondition(counter < counters)
        let place = shardCount == 1 ? counter : (shard % shardCount) * stride + counter
        cells[place].wrappingAdd(amount, ordering: .relaxed)
    }

    /// Of all shards.
    var sums: [UInt64] {
        (0..<counters).map { sum(of: $0) }
    }

    func sum(of counter: Int) -> UInt64 {
        var sum: UInt64 = 0
        for shard in 0..<shardCount { sum &+= cells[shard * stride + counter].load(ordering: .relaxed) }
        return sum
    }
}
