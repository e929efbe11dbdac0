extension LatencyHistogram {
    /// The distribution as HdrHistogram writes it (`.hgrm`), in milliseconds, for the tools that plot such files:
    /// ever finer steps towards 100 %, five to each halving of the distance.
    package var percentileText: String {
        var text = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
        let shares = Self.shares(upTo: count)
        for (share, found) in zip(shares, percentiles(shares)) {
            text += FixedDecimals.padded(FixedDecimals.text(Double(found.value) / 1e6, 3), 12)
            text += " " + FixedDecimals.padded(FixedDecimals.text(share, 12), 2)
            text += " " + FixedDecimals.padded("\(found.count)", 10)
            if share < 1 {
                text += " " + FixedDecimals.padded(FixedDecimals.text(1 / (1 - share), 2), 14)
            }
            text += "\n"
        }
        func number(_ nanoseconds: Double) -> String {
            FixedDecimals.padded(FixedDecimals.text(nanoseconds / 1e6, 3), 12)
        }
        text += "#[Mean    = \(number(mean)), StdDeviation   = \(number(standardDeviation))]\n"
        text += "#[Max     = \(number(Double(maximum))), Total count    = \(FixedDecimals.padded("\(count)", 12))]\n"
        text += "#[Buckets = \(FixedDecimals.padded("54", 12)), SubBuckets     = \(FixedDecimals.padded("2048", 12))]\n"
        return text
    }

    /// 0, then up to the last share that so many values tell apart, then 1.
    static func shares(upTo count: Int) -> [Double] {
        guard count > 0 else { return [] }
        var shares: [Double] = []
        var distance = 1.0
        while distance > 0.5 / Double(count) {
            for tick in 0..<5 { shares.append(1 - distance * (1 - Double(tick) / 10)) }
            distance /= 2
        }
        return shares + [1]
    }
}
