/// How many commits took how long: by the powers of two of nanoseconds.
package struct CommitDurations: Sendable, Equatable {
    /// At place n: those that took over 2^(n - 1) and up to 2^n nanoseconds.
    package private(set) var counts = [UInt64](repeating: 0, count: 65)

    mutating func count(nanoseconds: UInt64) {
        counts[nanoseconds < 2 ? 0 : 64 - (nanoseconds - 1).leadingZeroBitCount] += 1
    }
}
