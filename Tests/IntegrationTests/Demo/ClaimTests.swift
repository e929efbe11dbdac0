import Foundation
import Testing

/// The herd's claim in small holds on the recording: trained on the suite, tested on the held-out prompts.
@Suite(
    .enabled(
        if: ProjectPython.isInstalled,
        "no Python environment at \(ProjectPython.interpreter.path): run Scripts/install.sh first"))
struct ClaimTests {
    /// What `claim.py --json` prints.
    struct Claim: Decodable {
        struct Line: Decodable {
            var name: String
            var accuracy: Double
            var parameters: Double
            var by_skill: [String: Double]
        }

        var prompts: Int
        var lines: [Line]
        var broken: [String]
    }

    @Test("a herd of small models beats the generalist by 10 points", .timeLimit(.minutes(2)))
    func claim() async throws {
        try await withHerd { herd in
            try await herd.teach()
            let script = ProjectPython.root.appending(path: "Demo/claim.py").path
            let finished = try await Programs.run(
                ProjectPython.interpreter, [script, "--recorded", "--json", "--herdctl", Programs.herdctl.path],
                environment: ["HERD_ADDRESS": try herd.router.address("router")])
            let claim = try JSONDecoder().decode(Claim.self, from: Data(finished.output.utf8))
            #expect(finished.status == 0, "\(finished.errors)\(claim.broken)")
            #expect(claim.broken == [])
            #expect(claim.prompts >= 300)

            let line = { (name: String) in try #require(claim.lines.first { $0.name.hasPrefix(name) }) }
            let (routed, generalist, rule) = (
                try line("the herd"), try line("tiny-general"), try line("first-word rule")
            )
            #expect(routed.accuracy >= generalist.accuracy + 0.10)
            #expect(routed.parameters < generalist.parameters)
            #expect(rule.accuracy <= routed.accuracy - 0.10)
            #expect(generalist.accuracy >= 0.60)
            #expect(generalist.by_skill.count == 6 && generalist.by_skill.values.allSatisfy { $0 >= 0.40 })
        }
    }
}
