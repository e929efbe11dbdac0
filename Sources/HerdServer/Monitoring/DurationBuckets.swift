/// The buckets that durations are counted in: four to each doubling from 1.024 µs to 1,100 s, one below and one above.
///
/// A bucket holds what is over the bound before it, and up to and with its own; a quantile read off them is at most a
/// quarter too long.
package enum DurationBuckets {
    package static let count = 2 + (lastOctave - firstOctave) * 4

    private static let firstOctave = 10
    private static let lastOctave = 40

    /// The place of the bucket that a duration belongs to.
    package static func place(ofNanoseconds nanoseconds: UInt64) -> Int {
        let below = nanoseconds &- (nanoseconds == 0 ? 0 : 1)
        guard below >= 1 << firstOctave else { return 0 }
        guard below < 1 << lastOctave else { return count - 1 }
        let octave = 63 - below.leadingZeroBitCount
        let quarter = Int(truncatingIfNeeded: below &>> UInt64(octave - 2)) & 3
        return 1 + (octave - firstOctave) * 4 + quarter
    }

    /// The longest duration of a bucket, in nanoseconds; nil for the last one, which has none.
    package static func bound(of place: Int) -> UInt64? {
        guard place < count - 1 else { return nil }
        guard place > 0 else { return 1 << UInt64(firstOctave) }
        let octave = UInt64(firstOctave + (place - 1) / 4)
        return (1 << octave) + (1 << (octave - 2)) * UInt64((place - 1) % 4 + 1)
    }

    /// Where the bounds are that metrics show: two to each doubling, up to 137 s.
    static let shown: [(place: Int, seconds: [UInt8])] = stride(from: 0, through: (37 - firstOctave) * 4, by: 2).map {
        (place: $0, seconds: Array("\(Double(bound(of: $0) ?? 0) / 1e9)".utf8))
    }
}

/// How many durations were in which bucket, at one moment.
package struct DurationCounts: Sendable, Equatable {
    package var buckets: [UInt64]
    /// Of all durations together.
    package var nanoseconds: UInt64

    package init(
        buckets: [UInt64] = Array(repeating: 0, count: DurationBuckets.count), nanoseconds: UInt64 = 0
    ) {
        self.buckets = buckets
        self.nanoseconds = nanoseconds
    }

    package var count: UInt64 { buckets.reduce(0, &+) }

    /// What that share of the durations do not exceed, in nanoseconds, within the bucket by its place; 0 without any.
    ///
    /// - Parameter share: 0...1.
    package func quantile(_ share: Double) -> Double {
        let wanted = max(1, share * Double(count))
        var before: UInt64 = 0
        for (place, here) in buckets.enumerated() where here > 0 {
            if Double(before + here) >= wanted {
                let start = Double(place == 0 ? 0 : DurationBuckets.bound(of: place - 1) ?? 0)
                // Nothing is known of the last bucket but where it begins.
                guard let end = DurationBuckets.bound(of: place) else { return start }
                return start + (Double(end) - start) * (wanted - Double(before)) / Double(here)
            }
            before += here
        }
        return 0
    }
}
