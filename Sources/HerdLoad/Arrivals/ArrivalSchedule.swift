import Glibc

/// When the requests of an open loop are to begin, whatever becomes of those before them.
package struct ArrivalSchedule: Sendable {
    package enum Pattern: String, Sendable, CaseIterable {
        /// Evenly spaced.
        case constant
        /// At random moments that know nothing of each other, as the requests of many independent callers.
        case poisson
    }

    private let pattern: Pattern
    private let rate: Double
    private let offset: Double
    private var random: SeededRandom
    private var count = 0.0
    /// Of the last arrival of a Poisson process, in seconds.
    private var elapsed = 0.0

    /// - Parameters:
    ///   - rate: Requests per second, over 0.
    ///   - offset: Of constant arrivals, the part of the pause between two that lies before the first, 0..1.
    ///   - seed: Of Poisson arrivals; the same seed gives the same moments.
    package init(_ pattern: Pattern, rate: Double, offset: Double = 0, seed: UInt64) {
        self.pattern = pattern
        self.rate = rate
        self.offset = offset
        random = SeededRandom(seed: seed)
    }

    /// Nanoseconds between two arrivals on average.
    package var meanPause: Double { 1e9 / rate }

    /// Nanoseconds from the start of the schedule to the next arrival.
    package mutating func next() -> Int64 {
        switch pattern {
        case .constant:
            // From the count and not from the one before, so that no rounding adds up.
            defer { count += 1 }
            return Int64((count + offset) / rate * 1e9)
        case .poisson:
            elapsed -= log(random.unit()) / rate
            return Int64(elapsed * 1e9)
        }
    }
}
