import HerdFrames
import HerdMessages
import HerdTransport

extension HerdServer {
    /// Whether it takes calls.
    package var readiness: Readiness {
        switch progress {
        case .idle: .starting("it does not listen yet")
        case .running: .ready(degraded: report.service.degradedReasons)
        case .draining, .stopped: .draining
        }
    }

    /// Writes what is counted of calls and connections, whatever the service.
    package func writeMetrics(to writer: inout MetricsWriter) {
        writer.gauge("herd_build_info", "The service and the version of Herd that it runs; always 1.") {
            $0.add(MetricLabels(["service": name, "version": configuration.version]), 1)
        }
        let (service, isDraining) = report
        writer.gauge("herd_ready", "Whether calls are taken: 1, or 0 while starting or draining.", isDraining ? 0 : 1)
        writer.gauge(
            "herd_degraded", "Whether something it depends on is away: 1 then, else 0; /readyz says what.",
            service.degradedReasons.isEmpty ? 0 : 1)
        writeCalls(to: &writer)
        writeConnections(to: &writer)
    }

    private func writeCalls(to writer: inout MetricsWriter) {
        let methods = servedMethods.map { (labels: MetricLabels(["method": $0.path]), counts: $0.counters.snapshot) }
        let unknown = unknownMethods.snapshot
        writer.counter("herd_calls_total", "Calls that have ended, by method and gRPC status code.") { samples in
            for method in methods + [(MetricLabels(["method": "unknown"]), unknown)] {
                // From the start, so that the first call is a rise and not the first that is known.
                if method.counts.codes.first?.code != .ok { samples.add(method.labels.adding("code", "OK"), 0) }
                for (code, calls) in method.counts.codes {
                    samples.add(method.labels.adding("code", code?.description ?? "OTHER"), Double(calls))
                }
            }
        }
        writer.histogram(
            "herd_call_duration_seconds",
            "From a request's last byte to its answer, by method, of methods that were called."
        ) { samples in
            for method in methods where method.counts.durations.nanoseconds > 0 {
                samples.add(method.labels, method.counts.durations)
            }
        }
        writer.histogram(
            "herd_queue_delay_seconds",
            "From a request's last byte to the start of its handler, of calls run as tasks.",
            queueDelay.counts)
        writer.histogram(
            "herd_loop_delay_seconds",
            "For how long calls wait until an event loop begins them, as measured to decide on shedding.",
            pressures.delay.counts)
        writer.gauge("herd_shedding", "Event loops that turn calls away now.", Double(pressures.sheddingCount))
        writer.gauge("herd_open_calls", "Calls whose handlers run as tasks.", Double(runningCallCount))
        writer.counter("herd_shed_calls_total", "Calls turned away unworked, because of overload.", Double(shedCalls))
        writer.counter(
            "herd_denied_calls_total", "Calls turned away because the caller has not the role.", Double(refusals.denied)
        )
        writer.counter(
            "herd_calls_over_limit_total", "Calls turned away because the caller's credential allows no more.",
            Double(refusals.limited))
        writer.counter(
            "herd_texts_with_nul_total", "Texts in which a U+0000 became U+FFFD on output, in the whole process.",
            Double(MessageStatistics.textsWithNUL + FrameStatistics.textsWithNUL))
    }

    private func writeConnections(to writer: inout MetricsWriter) {
        let ended = connectionStatistics.endedConnections
        writer.gauge("herd_connections", "Connections that are served.", Double(connectionCount))
        writer.gauge("herd_connections_limit", "Connections that may be served at once.", Double(maximumConnections))
        writer.counter(
            "herd_connections_accepted_total", "Connections that were taken or refused.",
            Double(connectionStatistics.accepted))
        writer.counter(
            "herd_connections_refused_total",
            "Connections turned away because there were too many: new ones, or older ones without a HELLO.",
            Double(listenerStatistics.refused))
        writer.counter(
            "herd_accept_failures_total", "Times the process had no room for a connection, which then waited.",
            Double(listenerStatistics.failures))
        writer.counter(
            "herd_authentication_failures_total", "Connections ended for credentials that are missing or wrong.",
            Double(ended[.unauthenticated] ?? 0))
        writer.counter(
            "herd_tls_handshake_failures_total", "Connections on which no TLS came about.",
            Double(connectionStatistics.failedHandshakes))
        writer.counter("herd_connections_ended_total", "Connections that the server ended, by what for.") { samples in
            for cause in GoAway.Cause.allCases where !cause.isProtocolError {
                samples.add(MetricLabels(["cause": cause.rawValue]), Double(ended[cause] ?? 0))
            }
        }
        writer.counter("herd_protocol_errors_total", "Connections ended because the client broke the protocol.") {
            samples in
            for cause in GoAway.Cause.allCases where cause.isProtocolError {
                samples.add(MetricLabels(["kind": cause.rawValue]), Double(ended[cause] ?? 0))
            }
        }
        writer.counter(
            "herd_received_bytes_total", "Bytes read; of each open connection up to 64 KiB less.",
            Double(connectionStatistics.bytesReceived))
        writer.counter(
            "herd_sent_bytes_total", "Bytes handed to sockets; of each open connection up to 64 KiB less.",
            Double(connectionStatistics.bytesSent))
    }
}
