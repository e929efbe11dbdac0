import HerdJSON

extension LoadReport {
    /// For people, in lines of a name and a value.
    package var table: String {
        var rows = [
            ("workload", title),
            ("servers", servers.joined(separator: ", ")),
            ("time", "\(FixedDecimals.short(elapsedSeconds)) s\(wasInterrupted ? ", interrupted" : "")"),
            ("requests", "\(latencies.count) ok, \(failed) failed"),
            ("requests/s", FixedDecimals.short(requestsPerSecond)),
        ]
        if messages > 0 {
            rows.append(("messages/s", FixedDecimals.short(Double(messages) / elapsedSeconds)))
            rows.append(("MB/s", FixedDecimals.short(Double(messageBytes) / 1e6 / elapsedSeconds)))
        }
        if latencies.count > 0 {
            for (name, share) in Self.percentiles {
                rows.append((name, Self.milliseconds(latencies.percentile(share))))
            }
            rows.append(("max", Self.milliseconds(latencies.maximum)))
        }
        if firstTokens.count > 0 { rows.append(("first token", Self.brief(firstTokens))) }
        if offeredRate != nil, sendDelays.count > 0 { rows.append(("sent late by", Self.brief(sendDelays))) }
        for failure in failures {
            rows.append((failure.code, "\(failure.count), the first: \(Self.quoted(failure.message))"))
        }
        if let serverMicroseconds {
            rows.append(("server CPU", "\(FixedDecimals.short(serverMicroseconds)) us/request"))
        }
        let awake =
            awakeProcessors > 0 ? ", \(FixedDecimals.short(awakeProcessors)) of it waiting for the schedule" : ""
        rows.append(("own CPU", "\(FixedDecimals.short(ownProcessors)) of \(processors) processors\(awake)"))
        return TextTable.text(rows.map { [$0.0, $0.1] })
    }

    /// JSON in several lines, with latencies in milliseconds.
    package var json: String {
        var members: [(key: String, value: JSONNode)] = [
            ("workload", .string(workload)), ("servers", .array(servers.map(JSONNode.string))),
            ("connections", .number(connections)),
        ]
        switch pace {
        case .inFlight(let count): members.append(("in_flight", .number(count)))
        case .rate(let rate, let pattern):
            members += [("rate", .number(rate)), ("arrivals", .string(pattern.rawValue))]
        }
        members += [
            ("seconds", .number(elapsedSeconds)), ("interrupted", .bool(wasInterrupted)),
            ("requests", .number(latencies.count)), ("requests_per_second", .number(requestsPerSecond)),
            ("latency_ms", Self.node(latencies)),
        ]
        if firstTokens.count > 0 { members.append(("first_token_ms", Self.node(firstTokens))) }
        if let offeredRate, let answeredRate {
            members += [
                ("offered_per_second", .number(offeredRate)), ("answered_per_second", .number(answeredRate)),
                ("sent_late_ms", Self.node(sendDelays)),
            ]
        }
        members += [
            ("failed", .number(failed)),
            ("failures", .object(failures.map { ($0.code, .number($0.count)) })),
            ("failure_messages", .object(failures.map { ($0.code, .string($0.message)) })),
            ("messages_per_second", .number(Double(messages) / elapsedSeconds)),
            ("megabytes_per_second", .number(Double(messageBytes) / 1e6 / elapsedSeconds)),
            ("server_cpu_seconds", serverSeconds.map { .number($0) } ?? .null),
            ("server_cpu_us_per_request", serverMicroseconds.map { .number($0) } ?? .null),
            ("own_cpu_processors", .number(ownProcessors)), ("own_waiting_processors", .number(awakeProcessors)),
            ("processors", .number(processors)),
            ("warnings", .array(warnings.map(JSONNode.string))),
        ]
        return JSONNode.object(members).text() + "\n"
    }

    /// The picture of `--svg`.
    package var svg: String {
        var lines = [PercentilePlot.Line("whole answer", latencies)]
        if firstTokens.count > 0 { lines.append(PercentilePlot.Line("first token", firstTokens)) }
        return PercentilePlot(title: title, lines).svg
    }

    private static func node(_ histogram: LatencyHistogram) -> JSONNode {
        var members: [(key: String, value: JSONNode)] = percentiles.map { name, share in
            (name, .number(Double(histogram.percentile(share)) / 1e6))
        }
        members.append(("max", .number(Double(histogram.maximum) / 1e6)))
        members.append(("mean", .number(histogram.mean / 1e6)))
        return .object(members)
    }

    private static func brief(_ histogram: LatencyHistogram) -> String {
        "p50 \(milliseconds(histogram.percentile(0.5))), p99 \(milliseconds(histogram.percentile(0.99)))"
    }

    private static func milliseconds(_ nanoseconds: Int64) -> String {
        FixedDecimals.short(Double(nanoseconds) / 1e6) + " ms"
    }
}

/// Rows of cells in columns.
enum TextTable {
    /// - Parameter rows: all of the same length; every cell but a row's last is padded.
    static func text(_ rows: [[String]]) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }
            return cells.joined(separator: "  ") + "\n"
        }.joined()
    }
}

extension LoadProgress {
    /// One line for a terminal.
    package var line: String {
        let seconds = max(1e-9, elapsed / .seconds(1))
        let failed = failures == 0 ? "" : ", \(failures) failed"
        let goal =
            plannedRequests.map { "\(requests) of \($0) requests" }
            ?? "\(Int(seconds)) s of \(Int((planned ?? .zero) / .seconds(1))) s"
        return
            "\(goal): \(Int(Double(requests) / seconds)) requests/s, p50 \(FixedDecimals.short(median / .milliseconds(1))) "
            + "ms, p99 \(FixedDecimals.short(p99 / .milliseconds(1))) ms\(failed)"
    }
}
