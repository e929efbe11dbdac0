import HerdFrames
import Synchronization

/// How calls of a method ended and how long they took, counted from any thread.
final class MethodCounters: Sendable {
    private let codes: CounterShards
    private let durations: DurationHistogram
    private let longestNanoseconds = Atomic<UInt64>(0)
    let shardCount: Int

    /// Codes with a number of their own, 0...16; what is over it is counted together.
    private static let knownCodes = 17

    /// - Parameter shards: for as many event loops.
    init(shards: Int) {
        shardCount = shards
        codes = CounterShards(count: shards, counters: Self.knownCodes + 1)
        durations = DurationHistogram(shards: shards)
    }

    /// Counts one call that has ended.
    func record(_ code: StatusCode, nanoseconds: Int64, shard: Int) {
        let time = UInt64(clamping: nanoseconds)
        codes.add(1, to: Self.place(of: code), shard: shard)
        durations.record(nanoseconds: time, shard: shard)
        noteLongest(time)
    }

    /// Counts a call that was turned away before anything was done for it.
    func record(refused code: StatusCode, shard: Int) {
        codes.add(1, to: Self.place(of: code), shard: shard)
    }

    /// Counts calls that succeeded one after the other.
    ///
    /// - Parameter nanoseconds: of all of them together.
    func record(successes: UInt64, nanoseconds: Int64, shard: Int) {
        guard successes > 0 else { return }
        let time = UInt64(clamping: nanoseconds)
        let mean = successes == 1 ? time : time / successes
        codes.add(successes, to: 0, shard: shard)
        durations.record(nanoseconds: mean, count: successes, total: time, shard: shard)
        noteLongest(mean)
    }

    private func noteLongest(_ time: UInt64) {
        if time > longestNanoseconds.load(ordering: .relaxed) {
            longestNanoseconds.max(time, ordering: .relaxed)
        }
    }

    private static func place(of code: StatusCode) -> Int { Int(min(code.rawValue, UInt32(knownCodes))) }

    struct Snapshot {
        /// Those that occurred, in the order of their numbers; nil stands for all numbers without a name.
        var codes: [(code: StatusCode?, calls: UInt64)]
        /// Of calls that were not turned away at once.
        var durations: DurationCounts
        var longestMilliseconds: Double

        var calls: UInt64 { codes.reduce(0) { $0 + $1.calls } }
        var failures: UInt64 { codes.reduce(0) { $0 + ($1.code == .ok ? 0 : $1.calls) } }

        var meanMilliseconds: Double {
            let count = durations.count
            return count == 0 ? 0 : Double(durations.nanoseconds) / Double(count) / 1e6
        }
    }

    var snapshot: Snapshot {
        let codes = codes.sums.enumerated().filter { $1 > 0 }.map { number, calls in
            (code: number < Self.knownCodes ? StatusCode(rawValue: UInt32(number)) : nil, calls: calls)
        }
        return Snapshot(
            codes: codes, durations: durations.counts,
            longestMilliseconds: Double(longestNanoseconds.load(ordering: .relaxed)) / 1e6)
    }
}
