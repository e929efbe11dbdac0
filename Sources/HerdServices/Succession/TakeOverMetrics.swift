import HerdServer
import NIOConcurrencyHelpers

/// What this process tells of taking over and handing over; there is one of it, as there is one process.
enum TakeOverMetrics {
    private struct State {
        var waited: Duration?
        var givenUp: UInt64 = 0
    }

    private static let state = NIOLockedValueBox(State())

    static func tookOver(_ figures: TakeOverFigures) { state.withLockedValue { $0.waited = figures.waited } }

    static func wasGivenUp() { state.withLockedValue { $0.givenUp += 1 } }

    static func write(to writer: inout MetricsWriter) {
        let state = state.withLockedValue { $0 }
        if let waited = state.waited {
            writer.gauge(
                "herd_take_over_seconds",
                "Of a process that took over: for how long connections waited until it had the stores.",
                waited / .seconds(1))
        }
        writer.counter(
            "herd_take_overs_given_up_total", "Processes that asked to take over from this one and did not.",
            Double(state.givenUp))
    }
}
