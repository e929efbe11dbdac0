import HerdMessages
import HerdReflection

/// A decision for people: the choice, what it rests on, the ranking, and the terms where they were asked for.
enum DecisionText {
    static func text(of reply: RouteResponse) -> String {
        let rounds = reply.candidates.first { $0.model == reply.model }?.refineRounds ?? 0
        var lines = [reply.model + refinement(rounds)]
        var basis: [String] = []
        if !reply.topic.isEmpty {
            basis.append("topic \(reply.topic) (\(NumberFormat.decimals(100 * reply.topicProbability, 0)) %)")
        }
        basis.append("\(reply.promptTokens) tokens")
        basis.append(reply.predictorVersion.isEmpty ? "no predictor" : "predictor \(reply.predictorVersion)")
        basis.append("policy \(reply.policy)")
        if reply.cached { basis.append("cached") }
        lines.append("  " + basis.joined(separator: ", "))
        if reply.degraded { lines.append("  degraded: \(reply.degradedBecause)") }
        if !reply.flags.isEmpty { lines.append("  flags: \(reply.flags.joined(separator: ", "))") }
        if !reply.unknownFlags.isEmpty {
            lines.append("  unknown flags: \(reply.unknownFlags.joined(separator: ", "))")
        }
        lines.append("  decision \(reply.decisionId)")
        return lines.map { PrintableText.escaped($0) + "\n" }.joined() + ranking(reply.candidates)
    }

    private static func refinement(_ rounds: UInt32) -> String {
        rounds == 0 ? "" : rounds == 1 ? " + 1 round" : " + \(rounds) rounds"
    }

    private static func ranking(_ candidates: [Candidate]) -> String {
        // The candidate with the most terms has those of all others: only rounds of refinement add one.
        let goals =
            candidates.max { $0.contributions.count < $1.contributions.count }?.contributions.dropFirst().map(\.name)
            ?? []
        var table = TextTable(
            [("MODEL", .left), ("UTILITY", .right), ("QUALITY", .right)]
                + goals.map { ($0.uppercased(), .right) } + [("USD", .right), ("", .left)])
        for candidate in candidates {
            var cells = [candidate.model + refinement(candidate.refineRounds)]
            if candidate.excludedBecause.isEmpty {
                cells += [
                    NumberFormat.decimals(candidate.utility, 4),
                    // Before refinement, where its gain has a column of its own: the row adds up.
                    NumberFormat.decimals(candidate.contributions.first?.value ?? candidate.quality, 4),
                ]
                cells += goals.map { name in
                    candidate.contributions.first { $0.name == name }.map {
                        NumberFormat.decimals($0.value, 4) + ($0.assumed ? "?" : "")
                    } ?? ""
                }
                cells += [NumberFormat.dollars(candidate.costUsd), candidate.prior ? "prior" : ""]
            } else {
                cells += ["-", "-"] + goals.map { _ in "" } + ["", candidate.excludedBecause]
            }
            table.add(cells)
        }
        return table.text
    }
}
