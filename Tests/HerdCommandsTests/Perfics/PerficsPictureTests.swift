import Foundation
import HerdCommands
import HerdMessages
import Testing

@Suite("PeRFICS pictures")
struct PerficsPictureTests {
    private func row(
        _ model: String, _ quality: Double, _ refined: Double?, cost: Double, score: Double, ranked: Bool = true
    ) -> PerficsRow {
        func term(_ value: Double, _ points: Double) -> PerficsTerm {
            PerficsTerm(value: value, scaled: abs(points), points: points, known: true)
        }
        return PerficsRow(
            model: model, score: score, performance: term(quality, quality * 0.35),
            gain: refined.map { term($0 - quality, 0.1) }, breadth: term(0.5, 0.05), cost: term(0.3, -0.3 * cost * 100),
            missing: ranked ? [] : ["gain: not measured"], evaluations: 100, memory: .memoryGb(0.000138),
            latency: .latencySeconds(cost * 100), answerCost: .costUsd(cost),
            refinedCost: refined.map { _ in .refinedCostUsd(cost * 3) }, refined: refined.map { .refinedScore($0) },
            ranked: ranked, refinedLatency: refined.map { _ in .refinedLatencySeconds(cost * 300) })
    }

    private var rows: [PerficsRow] {
        [
            row("tiny <& \"quoted\">", 0.42, 0.61, cost: 0.0001, score: 0.61),
            row("small", 0.44, 0.5, cost: 0.0002, score: 0.5),
            row("middle", 0.45, 0.46, cost: 0.00021, score: 0.4),
            row("large-model-with-a-long-name-of-its-own", 0.8, 0.75, cost: 0.004, score: 0.3),
            row("unmeasured", 0.7, nil, cost: 0.002, score: 0, ranked: false),
        ]
    }

    /// Well-formed XML; HERD_PICTURES names a folder to look at them in.
    private func check(_ svg: String, named name: String) throws {
        let parser = XMLChecker()
        #expect(parser.accepts(svg))
        if let folder = ProcessInfo.processInfo.environment["HERD_PICTURES"] {
            try svg.write(toFile: "\(folder)/\(name).svg", atomically: true, encoding: .utf8)
        }
    }

    @Test func theScatterNamesEveryModelAndBothAxes() throws {
        let svg = PerficsScatter(rows, title: "PeRFICS of math, personal").svg
        for text in [
            "tiny &lt;&amp; &quot;quoted&quot;&gt;", "middle", "unmeasured", "US dollars per answer", "mean score",
        ] {
            #expect(svg.contains(text), "\(text)")
        }
        // Four arrows at most: one model has no refinement, and where it changes next to nothing there is none.
        #expect(svg.components(separatedBy: "marker-end").count - 1 == 4)
        try check(svg, named: "scatter")
    }

    @Test func freeModelsAreToldApartByTheTimeTheyTake() throws {
        let free = rows.map { row in
            var row = row
            row.answerCost = .costUsd(0)
            row.refinedCost = row.refinedCost.map { _ in .refinedCostUsd(0) }
            return row
        }
        let svg = PerficsScatter(free, title: "free").svg
        #expect(svg.contains("seconds per answer"))
        // What refinement takes shows: no arrow is vertical.
        let arrows = svg.split(separator: "\n").filter { $0.contains("marker-end") }
        #expect(arrows.count == 4)
        for arrow in arrows {
            #expect(value("x2", of: arrow) > value("x1", of: arrow))
        }
        try check(svg, named: "seconds")
    }

    private func value(_ name: String, of tag: Substring) -> Double {
        guard let start = tag.range(of: " \(name)=\"")?.upperBound else { return .nan }
        return Double(tag[start...].prefix { $0 != "\"" }) ?? .nan
    }

    @Test func aFreeModelHasItsPlaceBesidePaidOnes() throws {
        var free = row("local", 0.6, 0.7, cost: 0, score: 0.5)
        free.refinedCost = .refinedCostUsd(0)
        let svg = PerficsScatter([free, row("paid", 0.8, 0.9, cost: 0.01, score: 0.4)], title: "mixed").svg
        #expect(svg.contains("US dollars per answer") && !svg.contains("not known"))
        #expect(svg.contains(">local<"))
        try check(svg, named: "mixed")
    }

    @Test func whatRefinementCostsIsNotMadeUp() throws {
        var unknown = row("unknown", 0.6, 0.7, cost: 0.02, score: 0.5)
        unknown.refinedCost = nil
        let svg = PerficsScatter([unknown, row("paid", 0.8, nil, cost: 0.01, score: 0.4)], title: "unknown").svg
        #expect(svg.contains("not known after refinement: unknown"))
        #expect(!svg.contains("marker-end"))
        try check(svg, named: "unknown")
    }

    @Test func theBarsShowEveryTermAndWhoIsNotRanked() throws {
        let svg = PerficsBars(rows, title: "PeRFICS of all tasks").svg
        #expect(svg.contains("not ranked, not known: gain") && svg.contains("0.610"))
        try check(svg, named: "bars")
    }

    @Test func nothingToShowIsAPictureToo() throws {
        try check(PerficsScatter([], title: "none").svg, named: "empty")
        try check(PerficsBars([], title: "none").svg, named: "empty-bars")
        let one = [row("only", 0.5, nil, cost: 0, score: 0.1)]
        try check(PerficsScatter(one, title: "one").svg, named: "one")
    }

    @Test func theTableShowsTermsAndWhatIsMissing() {
        let reply = PerficsResponse(
            rows: rows, weights: PerficsWeights(performance: 0.35, gain: 0.2, breadth: 0.1, cost: 0.35),
            preset: "personal")
        let text = PerficsText.text(reply, task: nil)
        #expect(text.contains("personal: score = 0.35 P + 0.20 dR + 0.10 B - 0.35 I"))
        #expect(text.contains("0.420 (+0.15)") && text.contains(" 0.000138 "))
        #expect(text.contains("unmeasured is not ranked. gain: not measured"))
    }

    @Test(arguments: ["1,2,3", "a,b,c,d", "-1,0,0,1", "0,0,0,0", "1,1,1,nan", ""])
    func wrongWeights(text: String) {
        #expect(PerficsCommand.parse(text) == nil)
    }

    @Test(arguments: [
        ("suite.jsonl", "suite"), ("a/b/math.jsonl.gz", "math"), ("plain", "plain"), (".jsonl", ".jsonl"),
        ("x.y.json", "x.y"),
    ])
    func suitesAreNamedAfterTheirFiles(file: String, name: String) {
        #expect(EvaluateCommand.suiteName(of: file) == name)
    }
}

/// Whether tags are closed in the order they were opened, and no text holds a bare < or &.
private struct XMLChecker {
    func accepts(_ text: String) -> Bool {
        var open: [Substring] = []
        var rest = text[...]
        while let start = rest.firstIndex(of: "<") {
            guard let end = rest[start...].firstIndex(of: ">") else { return false }
            let tag = rest[rest.index(after: start)..<end]
            rest = rest[rest.index(after: end)...]
            if tag.hasPrefix("/") {
                guard open.popLast() == tag.dropFirst() else { return false }
            } else if !tag.hasSuffix("/") {
                open.append(tag.prefix { $0 != " " && $0 != "\n" })
            }
            if let next = rest.firstIndex(of: "<"), rest[..<next].contains(">") { return false }
        }
        let entities = text.components(separatedBy: "&").dropFirst()
        return open.isEmpty
            && entities.allSatisfy { part in ["amp;", "lt;", "gt;", "quot;"].contains { part.hasPrefix($0) } }
    }
}
