import Synchronization

/// How often a method was called, how often it failed and how long it took, counted from any thread.
final class MethodCounters: Sendable {
    private let calls = Atomic<UInt64>(0)
    private let failures = Atomic<UInt64>(0)
    private let totalNanoseconds = Atomic<UInt64>(0)
    private let longestNanoseconds = Atomic<UInt64>(0)

    /// Counts one call that has ended.
    func record(isFailure: Bool, nanoseconds: Int64) {
        let time = UInt64(clamping: nanoseconds)
        calls.wrappingAdd(1, ordering: .relaxed)
        if isFailure { failures.wrappingAdd(1, ordering: .relaxed) }
        totalNanoseconds.wrappingAdd(time, ordering: .relaxed)
        if time > longestNanoseconds.load(ordering: .relaxed) {
            longestNanoseconds.max(time, ordering: .relaxed)
        }
    }

    /// Counts calls that succeeded one after the other.
    ///
    /// - Parameter nanoseconds: of all of them together.
    func record(successes: UInt64, nanoseconds: Int64) {
        guard successes > 0 else { return }
        let time = UInt64(clamping: nanoseconds)
        calls.wrappingAdd(successes, ordering: .relaxed)
        totalNanoseconds.wrappingAdd(time, ordering: .relaxed)
        let mean = time / successes
        if mean > longestNanoseconds.load(ordering: .relaxed) {
            longestNanoseconds.max(mean, ordering: .relaxed)
        }
    }

    struct Snapshot {
        var calls: UInt64
        var failures: UInt64
        var meanMilliseconds: Double
        var longestMilliseconds: Double
    }

    var snapshot: Snapshot {
        let calls = calls.load(ordering: .relaxed)
        let total = Double(totalNanoseconds.load(ordering: .relaxed))
        return Snapshot(
            calls: calls, failures: failures.load(ordering: .relaxed),
            meanMilliseconds: calls == 0 ? 0 : total / Double(calls) / 1e6,
            longestMilliseconds: Double(longestNanoseconds.load(ordering: .relaxed)) / 1e6)
    }
}
