import Foundation
import Testing

/// Nothing that a peer sends hurts the server or its neighbours: `Tests/Interop/hostile.py` says what is sent and what
/// comes of it. `make hostile` runs all of it at full length.
@Suite(
    .serialized,
    .enabled(
        if: ProjectPython.isInstalled,
        "no Python environment at \(ProjectPython.interpreter.path): run Scripts/install.sh first"))
struct HostileTests {
    /// What `hostile.py --json` prints, as far as the tests look at it.
    struct Report: Decodable {
        struct Result: Decodable {
            var `case`: String
            var ok: Bool
            var expected: String?
            var seen: String?
        }

        var results: [Result]
        var passed: Int
        var failed: Int
    }

    /// The bystander's bound is generous here: what else a busy machine does must not decide. `make hostile` holds it to
    /// twice the p99 beside a benign load, or to twice the undisturbed one.
    @Test(.timeLimit(.minutes(3))) func everyAttackGetsWhatTheProtocolPromises() async throws {
        let seed = UInt32.random(in: .min ... .max)
        print("hostile.py --random 300 --seed \(seed)")
        let report = try await attack(["--random", "300", "--ratio", "30", "--seed", "\(seed)"])
        for result in report.results where !result.ok {
            Issue.record(
                "seed \(seed), \(result.case): expected \(result.expected ?? ""); seen: \(result.seen ?? "")")
        }
        #expect(report.passed >= 90)
        #expect(report.failed == 0)
    }

    /// A suite that cannot fail proves nothing.
    @Test(.timeLimit(.minutes(1))) func wrongUseIsRefused() async throws {
        let unknown = try await ProjectPython.run("Tests/Interop/hostile.py", ["--only", "no.such.case"])
        #expect(unknown.status == 2)
        #expect(unknown.errors.contains("no.such.case"))
        let missing = try await ProjectPython.run(
            "Tests/Interop/hostile.py", ["--herdd", "/nonexistent/herdd", "--only", "rules"])
        #expect(missing.status != 0)
        let strict = try await ProjectPython.run(
            "Tests/Interop/hostile.py", ["--herdd", Programs.herdd.path, "--only", "rules", "--ratio", "0"])
        #expect(strict.status == 1, "nothing is within 0 times the benign load's p99")
        #expect(strict.output.contains("FAILED  bystander: p99"))
    }

    private func attack(_ arguments: [String]) async throws -> Report {
        let finished = try await ProjectPython.run(
            "Tests/Interop/hostile.py", ["--herdd", Programs.herdd.path, "--json"] + arguments)
        try #require(finished.status < 2, "\(finished.errors)")
        return try JSONDecoder().decode(Report.self, from: Data(finished.output.utf8))
    }
}
