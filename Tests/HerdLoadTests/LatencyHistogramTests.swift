import HerdLoad
import Testing

@Suite("Latency histograms")
struct LatencyHistogramTests {
    @Test("give every percentile within a hundredth of the exact one")
    func percentiles() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("latencies of seed \(seed)")
        var state = seed
        var values: [Int64] = []
        var histogram = LatencyHistogram()
        for _ in 0..<20_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            // From nanoseconds to minutes, every magnitude alike.
            let value = Int64((state >> 20) >> (state % 40))
            values.append(value)
            histogram.record(nanoseconds: value)
        }
        values.sort()
        for share in [0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1] {
            let exact = values[max(1, Int((Double(values.count) * share).rounded(.up))) - 1]
            let found = histogram.percentile(share)
            #expect(found >= exact && Double(found) <= Double(exact) * 1.01, "\(share): \(found) for \(exact)")
        }
        #expect(histogram.maximum == values.last && histogram.count == values.count)
        let mean = values.reduce(0.0) { $0 + Double($1) } / Double(values.count)
        #expect(abs(histogram.mean - mean) < mean * 1e-9)
    }

    @Test("add up, and take any value")
    func extremes() {
        var histogram = LatencyHistogram()
        #expect(histogram.percentile(0.5) == 0 && histogram.mean == 0)
        for value in [Int64.min, -1, 0, 1, 127, 128, 255, 256, 257, Int64.max] { histogram.record(nanoseconds: value) }
        #expect(histogram.percentile(1) == Int64.max && histogram.percentile(0) == 0)
        var sum = LatencyHistogram()
        sum.record(nanoseconds: 5)
        sum.add(histogram)
        #expect(sum.count == 11 && sum.maximum == Int64.max && sum.percentile(0.4) == 5)
    }
}
