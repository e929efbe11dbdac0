import Foundation
import PlantedGains
import Testing

/// Refinement-aware routing as an operator meets it: import, train, route, limit, backtest.
@Suite(.serialized, .timeLimit(.minutes(5))) struct RefinementRoutingTests {
    private func planted(rows: Int = 400) -> PlantedGains {
        var planted = PlantedGains(rows: rows)
        planted.rounds = 1
        return planted
    }

    @Test func routeNamesTheRoundsThatPay() async throws {
        try await ToolHerd.with { herd in
            let planted = planted()
            let file = herd.folder.appending(path: "planted.jsonl")
            try Data(PlantedGains.lines(planted.make()).utf8).write(to: file)
            for model in planted.models { #expect(try await herd.ctl("model", "add", model, "--free").status == 0) }
            let imported = try await herd.ctl("import", file.path)
            try #require(imported.status == 0, "\(imported.errors)")
            let trained = try await herd.ctl("train", "--promote")
            try #require(trained.status == 0, "\(trained.errors)")

            let helped = try await Self.route(herd, "verse rhyme sonnet stanza please")
            #expect(helped.model == "alder" && helped.rounds == 1)
            let harmed = try await Self.route(herd, "solve the quadratic polynomial equation")
            #expect(harmed.model == "alder" && harmed.rounds == 0)
            let never = try await Self.route(herd, "verse rhyme sonnet stanza please", "--max-refine-rounds", "0")
            #expect(never.rounds == 0)

            let text = try await herd.ctl("route", "verse rhyme sonnet stanza please", "--explain")
            #expect(text.output.hasPrefix("alder + 1 round\n"), "\(text.output)")
            #expect(text.output.contains("REFINEMENT"))
            let refused = try await herd.ctl("route", "verse", "--max-refine-rounds", "6")
            #expect(refused.status == 64 && refused.errors.contains("--max-refine-rounds"), "\(refused.errors)")

            #expect(try await herd.ctl("policy", "set", "plain", "--max-refine-rounds", "0").status == 0)
            let limited = try await Self.route(herd, "verse rhyme sonnet stanza please", "--policy", "plain")
            #expect(limited.rounds == 0)
        }
    }

    private static func route(
        _ herd: ToolHerd, _ prompt: String, _ options: String...
    ) async throws -> (model: String, rounds: Int) {
        let result = try await Programs.run(
            Programs.herdctl, ["route", prompt, "--json"] + options, environment: ["HERD_ADDRESS": herd.address])
        try #require(result.status == 0, "\(result.errors)")
        let reply = try PrintedJSON.object(result.output)
        let first = try #require((reply["candidates"] as? [[String: Any]])?.first)
        return (try #require(reply["model"] as? String), (first["refine_rounds"] as? NSNumber)?.intValue ?? 0)
    }

    @Test func theBacktestComparesTheWaysToRefine() async throws {
        let folder = URL(filePath: "/tmp").appending(path: "herd-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "planted.jsonl").path
        let rows = planted(rows: 240).make(costs: true)
        try Data(PlantedGains.lines(rows).utf8).write(to: URL(filePath: file))
        let result = try await Programs.run(Programs.herdctl, ["backtest", "--data", file, "--folds", "2", "--json"])
        try #require(result.status == 0, "\(result.errors)")
        let report = try #require(try PrintedJSON.object(result.output)["refinement"] as? [String: Any])
        let values = report.compactMapValues { ($0 as? NSNumber)?.doubleValue }
        let chosen = try #require(values["chosen"])
        #expect(chosen > values["never"] ?? 100 && chosen > values["always"] ?? 100, "\(values)")
        #expect(values["oracle"] ?? 0 > chosen && values["rows"] == 240, "\(values)")
        // A list of costs that does not fit its rounds is named by its line.
        let bad = PlantedGains.lines(Array(rows.prefix(2)))
            .replacingOccurrences(of: #""refined_costs": {"alder": [0.01]"#, with: #""refined_costs": {"alder": []"#)
        try Data((PlantedGains.lines(Array(rows.suffix(1))) + bad).utf8).write(to: URL(filePath: file))
        let refused = try await Programs.run(Programs.herdctl, ["backtest", "--data", file])
        #expect(refused.status == 65 && refused.errors.contains("line 2"), "\(refused.errors)")
    }
}
