#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif
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
            ("I", .right), ("EVALUATIONS", .right), ("GB", .right), ("SECONDS", .right), ("REFINED", .right),
            ("US$", .right), ("REFINED US$", .right),
        ])
        let measured = rows.filter { $0.evaluations > 0 }
        for (place, row) in measured.enumerated() {
            table.add([
                row.ranked ? "\(place + 1)" : "-", row.model, row.ranked ? NumberFormat.decimals(row.score, 3) : "-",
                term(row.performance, row), term(row.gain, row), term(row.breadth, row), term(row.cost, row),
                "\(row.evaluations)",
                row.knownMemoryGB.map(gigabytes) ?? "-", row.knownLatency.map { NumberFormat.decimals($0, 3) } ?? "-",
                row.knownRefinedLatency.map { NumberFormat.decimals($0, 3) } ?? "-",
                row.knownCost.map { NumberFormat.dollars($0) } ?? "-",
                row.knownRefinedCost.map { NumberFormat.dollars($0) } ?? "-",
            ])
        }
        var text = "\(name)\n\(table.text)"
        for row in measured where !row.missing.isEmpty {
            let reasons = row.missing.map { PrintableText.escaped($0) }.joined(separator: "; ")
            text += "\(PrintableText.escaped(row.model)) is not ranked. \(reasons)\n"
        }
        let others = rows.filter { $0.evaluations == 0 }.map { PrintableText.escaped($0.model) }
        if !others.isEmpty { text += "not measured here: \(others.joined(separator: ", "))\n" }
        return text + "\n"
    }

    /// "0.812 (+0.35)"; without points where the row is not ranked.
    private static func term(_ term: PerficsTerm?, _ row: PerficsRow) -> String {
        guard let term, term.known else { return "-" }
        guard row.ranked else { return NumberFormat.decimals(term.value, 3) }
        let points = NumberFormat.decimals(term.points, 2)
        return "\(NumberFormat.decimals(term.value, 3)) (\(points.hasPrefix("-") ? "" : "+")\(points))"
    }

    /// Three digits that count: models of the herd have from some hundred kilobytes to many gigabytes.
    private static func gigabytes(_ value: Double) -> String {
        guard value > 0 else { return NumberFormat.decimals(value, 3) }
        return NumberFormat.decimals(value, max(0, min(12, Int((3 - log10(value)).rounded(.up)) - 1)))
    }
}
