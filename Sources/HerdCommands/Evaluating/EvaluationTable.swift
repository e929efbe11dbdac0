package import HerdMessages
import HerdReflection

/// An evaluation as people read it.
package enum EvaluationTable {
    /// What a run is about to do.
    package static func estimate(_ event: EvaluateEvent) -> String {
        var text = "\(event.total) answers to get"
        if event.skipped > 0 { text += ", \(event.skipped) are there already" }
        text += "; probably \(dollars(event.estimatedCostUsd))"
        if !event.assumedPrices.isEmpty {
            let names = event.assumedPrices.prefix(5).map { PrintableText.escaped($0) }.joined(separator: ", ")
            text +=
                " (\(names)\(event.assumedPrices.count > 5 ? " ..." : "") declare no price: US$ 10 a million tokens in and 30 "
                + "out are assumed)"
        }
        if event.spentBeforeUsd > 0 {
            text += "; earlier runs spent \(dollars(event.spentBeforeUsd)), which --max-cost counts"
        }
        return text + otherOptions(event).map { "\n\($0)" }.joined()
    }

    /// Empty where every answer was got with the same options.
    private static func otherOptions(_ event: EvaluateEvent) -> [String] {
        guard event.otherOptions > 0 else { return [] }
        return [
            "\(event.otherOptions) answers were got with other options (length, temperature, system ...) than these and count "
                + "all the same; --again asks anew"
        ]
    }

    /// Beside the progress bar.
    static func detail(_ event: EvaluateEvent) -> String {
        let failed = event.failed > 0 ? ", \(event.failed) failed" : ""
        return " \(event.done)/\(event.total)\(failed), \(NumberFormat.decimals(event.callsPerSecond, 1))/s, "
            + "\(dollars(event.costUsd)) of about \(dollars(event.estimatedCostUsd))"
    }

    static func line(_ failure: EvaluationFailure) -> String {
        let model = PrintableText.escaped(failure.model)
        let error = PrintableText.escaped(failure.error)
        return failure.id.isEmpty ? error : "\(PrintableText.escaped(failure.id)), \(model): \(error)"
    }

    /// A row for each model.
    package static func text(_ event: EvaluateEvent, rounds: Int) -> String {
        let rounds = max(rounds, event.summaries.map(\.refined.count).max() ?? 0)
        var columns: [(String, TextTable.Alignment)] = [("MODEL", .left), ("ANSWERS", .right), ("SCORE", .right)]
        for round in 0..<rounds { columns.append(("ROUND \(round + 1)", .right)) }
        columns += [("FAILED", .right), ("COST US$", .right), ("SECONDS", .right)]
        var table = TextTable(columns)
        for summary in event.summaries {
            let isEmpty = summary.answers == 0
            var cells = [summary.model, "\(summary.answers)", isEmpty ? "-" : NumberFormat.decimals(summary.score, 3)]
            for round in 0..<rounds {
                cells.append(
                    summary.refined.indices.contains(round) ? NumberFormat.decimals(summary.refined[round], 3) : "-")
            }
            cells += [
                "\(summary.failed)", NumberFormat.dollars(summary.costUsd),
                isEmpty ? "-" : NumberFormat.decimals(summary.meanSeconds, 3),
            ]
            table.add(cells)
        }
        return table.text + "\(event.done) answered for \(dollars(event.costUsd)), \(event.skipped) were there\n"
            + otherOptions(event).map { "\($0)\n" }.joined()
    }

    private static func dollars(_ value: Double) -> String { "US$ \(NumberFormat.dollars(value))" }
}
