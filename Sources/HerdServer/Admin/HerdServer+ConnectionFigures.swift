import HerdFrames
import HerdMessages
import HerdTransport

extension HerdServer {
    /// What Status tells of connections, as figures:
    ///
    /// - `connections_limit`, `connections_accepted`: how many may be open, and how many came;
    /// - `connections_refused`: over the limit, or ended without a HELLO for a new one;
    /// - `accept_failures`: how often the process had no room for a connection, which then waited;
    /// - `keepalive_closed`, `idle_closed`, `unauthenticated`: ended for silence, for idleness, for bad credentials;
    /// - `tls_handshake_failures`: connections on which no TLS came about;
    /// - `permission_denied`: calls of somebody who has not the role;
    /// - `calls_over_limit`: over what the caller's credential allows per second, or at once;
    /// - `shed_calls`: calls turned away because of overload; `unknown_methods`: calls of what there is not;
    /// - `queue_delay_p50_ms`, `queue_delay_p99_ms`: until the handler of a call that is run as a task begins;
    /// - `loop_delay_p50_ms`, `loop_delay_p99_ms`: for how long calls wait until an event loop begins them;
    /// - `shedding`: event loops that turn calls away now;
    /// - `protocol_errors`, and each kind that occurred as `protocol_errors_KIND`;
    /// - `bytes_received`, `bytes_sent`: of each open connection up to 64 KiB less;
    /// - `texts_with_nul`: texts in which a U+0000 became U+FFFD on output, in the whole process.
    var connectionFigures: [String: Double] {
        let ended = connectionStatistics.endedConnections
        let (delays, loopDelays) = (queueDelay.counts, pressures.delay.counts)
        var figures: [String: Double] = [
            "connections_limit": Double(maximumConnections),
            "connections_accepted": Double(connectionStatistics.accepted),
            "connections_refused": Double(listenerStatistics.refused),
            "accept_failures": Double(listenerStatistics.failures),
            "keepalive_closed": Double(ended[.halfOpen] ?? 0),
            "idle_closed": Double(ended[.idle] ?? 0),
            "unauthenticated": Double(ended[.unauthenticated] ?? 0),
            "tls_handshake_failures": Double(connectionStatistics.failedHandshakes),
            "permission_denied": Double(refusals.denied),
            "calls_over_limit": Double(refusals.limited),
            "shed_calls": Double(shedCalls),
            "unknown_methods": Double(unknownMethods.snapshot.calls),
            "queue_delay_p50_ms": delays.quantile(0.5) / 1e6,
            "queue_delay_p99_ms": delays.quantile(0.99) / 1e6,
            "loop_delay_p50_ms": loopDelays.quantile(0.5) / 1e6,
            "loop_delay_p99_ms": loopDelays.quantile(0.99) / 1e6,
            "shedding": Double(pressures.sheddingCount),
            "bytes_received": Double(connectionStatistics.bytesReceived),
            "bytes_sent": Double(connectionStatistics.bytesSent),
            "texts_with_nul": Double(MessageStatistics.textsWithNUL + FrameStatistics.textsWithNUL),
        ]
        var errors: UInt64 = 0
        for (cause, count) in ended where cause.isProtocolError {
            errors += count
            figures["protocol_errors_\(cause.rawValue)"] = Double(count)
        }
        figures["protocol_errors"] = Double(errors)
        return figures
    }
}
