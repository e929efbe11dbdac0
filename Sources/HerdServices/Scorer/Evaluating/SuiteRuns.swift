import NIOConcurrencyHelpers

/// Lets one run of each suite go on at a time.
final class SuiteRuns: Sendable {
    private let runs = NIOLockedValueBox([String: (run: SoleRun, users: Int)]())

    /// Runs `body` once no other run of the suite goes on; ABORTED where one does.
    func run<Result>(_ suite: String, _ body: () async throws -> Result) async throws -> Result {
        let sole = runs.withLockedValue { runs in
            var entry = runs[suite] ?? (SoleRun(of: "evaluation of suite '\(suite)'"), 0)
            entry.users += 1
            runs[suite] = entry
            return entry.run
        }
        defer {
            runs.withLockedValue { runs in
                runs[suite]?.users -= 1
                if runs[suite]?.users == 0 { runs[suite] = nil }
            }
        }
        return try await sole.run(body)
    }
}
