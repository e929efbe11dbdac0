import Foundation
import Testing

/// `herd-load` against a herd that is there, and against none.
@Suite(.serialized, .timeLimit(.minutes(1))) struct LoadTests {
    @Test func everyWorkloadReportsInJSON() async throws {
        try await ToolHerd.with { herd in
            for workload in ["health", "probe", "route"] {
                let result = try await Programs.run(
                    Programs.herdLoad,
                    [
                        "--server", herd.address, "--workload", workload, "--seconds", "1", "--warm-up", "0.1",
                        "--in-flight", "4", "--json",
                    ])
                #expect(result.status == 0, "\(workload): \(result.errors)")
                let report = try PrintedJSON.object(result.output)
                #expect(report["workload"] as? String == workload)
                let ok = try #require(report["requests"] as? Double)
                #expect(ok > 0, "\(result.output)")
                let latency = try #require(report["latency_ms"] as? [String: Double])
                let (median, longest) = (try #require(latency["p50"]), try #require(latency["max"]))
                #expect(median > 0 && median <= longest && longest < 10_000)
            }
        }
    }

    @Test func nobodyThereAndWrongUseAreTold() async throws {
        let nobody = try await Programs.run(
            Programs.herdLoad, ["--server", "127.0.0.1:1", "--seconds", "1", "--warm-up", "0", "--json"])
        #expect(nobody.status == 69)
        #expect(try PrintedJSON.object(nobody.output)["requests"] as? Double == 0)
        #expect(nobody.errors.hasPrefix("herd-load: "), "\(nobody.errors)")
        for (arguments, status) in [
            (["--workload", "sheep"], 64), (["--seconds", "0"], 64), (["--connections", "0"], 64),
            (["--workload", "route", "--prompts", "/nonexistent/prompts"], 66),
        ] as [([String], Int32)] {
            let result = try await Programs.run(Programs.herdLoad, arguments)
            #expect(result.status == status, "\(arguments): \(result.errors)")
            #expect(result.output.isEmpty && !result.errors.isEmpty)
        }
    }
}
