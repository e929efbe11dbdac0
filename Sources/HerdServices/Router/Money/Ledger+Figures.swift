import HerdServer

extension Ledger {
    /// What is spent of a day, in nanodollars.
    package struct Sums: Sendable, Equatable {
        /// For answers that are over, and all of the following.
        package var charged: UInt64 = 0
        /// For answers under way.
        package var reserved: UInt64 = 0
        /// For answers that an earlier process was at when it ended: nobody knows what they cost.
        package var unsettled: UInt64 = 0
        /// Answers that were not paid for since the start.
        package var refused: UInt64 = 0
    }

    /// For Status: `money_charged_usd_today` and, of it, `money_reserved_usd` and `money_unsettled_usd`; `money_refused`,
    /// answers that were not paid for.
    var figures: [String: Double] {
        let sums = sums
        return [
            "money_charged_usd_today": Double(sums.charged) / NanoUSD.perUSD,
            "money_reserved_usd": Double(sums.reserved) / NanoUSD.perUSD,
            "money_unsettled_usd": Double(sums.unsettled) / NanoUSD.perUSD,
            "money_refused": Double(sums.refused),
        ]
    }

    /// Writes the same for Prometheus.
    func writeMetrics(to writer: inout MetricsWriter) {
        let sums = sums
        writer.gauge(
            "herd_money_charged_usd_today", "US dollars spent of the day (UTC), with what is set aside, of all tokens.",
            Double(sums.charged) / NanoUSD.perUSD)
        writer.gauge(
            "herd_money_reserved_usd", "Of them, what is set aside for answers under way.",
            Double(sums.reserved) / NanoUSD.perUSD)
        writer.gauge(
            "herd_money_unsettled_usd",
            "Of them, what was set aside for answers that an earlier process was at when it ended.",
            Double(sums.unsettled) / NanoUSD.perUSD)
        writer.counter(
            "herd_money_refused_total", "Answers refused because the token's money for the day did not suffice.",
            Double(sums.refused))
    }
}
