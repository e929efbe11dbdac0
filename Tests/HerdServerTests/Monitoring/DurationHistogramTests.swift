import HerdServer
import Testing

/// The buckets of durations.
@Suite struct DurationHistogramTests {
    @Test func `every duration is in the bucket whose bounds enclose it`() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var numbers = SplitMix(state: seed)
        let edges = (0..<64).flatMap { power in [0, 1, 2].map { (UInt64(1) << UInt64(power)) &+ $0 &- 1 } }
        for duration in edges + (0..<10_000).map({ _ in numbers.next() >> (numbers.next() % 64) }) {
            let place = DurationBuckets.place(ofNanoseconds: duration)
            #expect((0..<DurationBuckets.count).contains(place))
            if let bound = DurationBuckets.bound(of: place) { #expect(duration <= bound) }
            if place > 0 { #expect(duration > (try #require(DurationBuckets.bound(of: place - 1)))) }
        }
    }

    @Test func `quantiles are at most a quarter off`() {
        let histogram = DurationHistogram(shards: 3)
        for number in 1...1_000 { histogram.record(nanoseconds: UInt64(number) * 10_000, shard: number) }
        let counts = histogram.counts
        #expect(counts.count == 1_000)
        #expect(counts.nanoseconds == 5_005_000_000)
        for share in [0.5, 0.9, 0.99] {
            let exact = share * 10_000_000
            #expect((exact * 0.8...exact * 1.25).contains(counts.quantile(share)))
        }
        #expect(DurationCounts().quantile(0.5) == 0)
    }

    @Test func `labels and helps are escaped, numbers are written as they are read`() {
        var writer = MetricsWriter(.text)
        writer.gauge("herd_odd", "A \\ and\na line") { samples in
            samples.add(MetricLabels(["a": "q\"b\\c\nd"]), 0.1)
            samples.add(.infinity)
            samples.add(.nan)
            samples.add(-12_345_678_901_234)
        }
        #expect(
            String(decoding: writer.finish(), as: UTF8.self) == #"""
                # HELP herd_odd A \\ and\na line
                # TYPE herd_odd gauge
                herd_odd{a="q\"b\\c\nd"} 0.1
                herd_odd +Inf
                herd_odd NaN
                herd_odd -12345678901234

                """#)
    }

    private struct SplitMix {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
}
