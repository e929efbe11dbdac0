/// Money as the ledger keeps it: billionths of a US dollar, so that sums are exact.
enum NanoUSD {
    static let perUSD = 1_000_000_000.0
    /// A sum of two of them still fits into an Int64.
    static let most: UInt64 = 4_000_000_000_000_000_000

    /// The nearest; 0 for what is no amount, `most` for what is over it.
    static func of(usd: Double) -> UInt64 {
        let nano = (usd * perUSD).rounded()
        guard nano > 0 else { return 0 }
        return nano < Double(most) ? UInt64(nano) : most
    }

    /// The sum, `most` where it is over that.
    static func sum(_ first: UInt64, _ second: UInt64) -> UInt64 {
        let (sum, overflow) = first.addingReportingOverflow(second)
        return overflow ? most : min(sum, most)
    }

    /// As people read it: without zeros at the end.
    static func text(_ nano: UInt64) -> String {
        let (whole, rest) = nano.quotientAndRemainder(dividingBy: 1_000_000_000)
        guard rest > 0 else { return "\(whole)" }
        var digits = "\(1_000_000_000 + rest)".dropFirst()
        while digits.last == "0" { digits.removeLast() }
        return "\(whole).\(digits)"
    }
}
