package import HerdMessages
import HerdReflection

/// A PeRFICS table as people read it.
package enum PerficsText {
    package static func text(_ reply: PerficsResponse, task: String?) -> String {
        var text = weights(reply) + "\n"
        text += section(task.map { "task \(PrintableText.escaped($0))" } ?? "over all tasks", reply.rows)
        for table in reply.tasks { text += section("task \(PrintableText.escaped(table.task))", table.rows) }
        return text
    }

    private static func weights(_ reply: PerficsResponse) -> String {
        guard let weights = reply.weights else { return "" }
        func number(_ value: Double) -> String { NumberFormat.decimals(value, 2) }
        return "\(reply.preset.isEmpty ? "given weights" : PrintableText.escaped(reply.preset)): "
            + "score = \(number(weights.performance)) P + \(number(weights.gain)) dR + \(number(weights.breadth)) B - "
            + "\(number(weights.cost)) I; in brackets the points of each term\n"
    }

    private static func section(_ name: String, _ rows: [PerficsRow]) -> String {
        var table = TextTable([
            ("#", .right), ("MODEL", .left), ("SCORE", .right), ("P", .right), ("dR", .right), ("B", .right),
            ("I", .right), ("EVALUATIONS", .right), ("GB", .right), ("SECONDS", .right), ("US$", .right),
            ("REFINED US$", .right),
        ])
        for (place, row) in rows.enumerated() {
            table.add([
                row.ranked ? "\(place + 1)" : "-", row.model, row.ranked ? NumberFormat.decimals(row.score, 3) : "-",
                term(row.performance), term(row.gain), term(row.breadth), term(row.cost), "\(row.evaluations)",
                known(row.memoryGb, 3), known(row.latencySeconds, 3),
                row.costUsd > 0 ? NumberFormat.dollars(row.costUsd) : "-",
                row.refinedCostUsd > 0 ? NumberFormat.dollars(row.refinedCostUsd) : "-",
            ])
        }
        var text = "\(name)\n\(table.text)"
        for row in rows where !row.missing.isEmpty {
            let reasons = row.missing.map { PrintableText.escaped($0) }.joined(separator: "; ")
            text += "\(PrintableText.escaped(row.model)) is not ranked. \(reasons)\n"
        }
        return text + "\n"
    }

    /// "0.812 (+0.35)"
    private static func term(_ term: PerficsTerm?) -> String {
        guard let term, term.known else { return "-" }
        let points = NumberFormat.decimals(term.points, 2)
        return "\(NumberFormat.decimals(term.value, 3)) (\(points.hasPrefix("-") ? "" : "+")\(points))"
    }

    private static func known(_ value: Double, _ places: Int) -> String {
        // Tiny models are there too.
        value > 0 ? value < 0.01 ? NumberFormat.dollars(value) : NumberFormat.decimals(value, places) : "-"
    }
}
