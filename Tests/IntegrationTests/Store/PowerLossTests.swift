import Foundation
import Testing

/// Power cuts under a real herd that spends money, makes tokens and writes transcripts: `Tests/Interop/power_loss.py` says
/// how. `make power-loss CUTS=200`.
@Suite(.serialized) struct HerdPowerLossTests {
    @Test(.timeLimit(.minutes(60))) func aPowerCutLosesNothingThatWasAcknowledged() async throws {
        let cuts = Endurance.count("HERD_CUTS", else: 2)
        let finished = try await run(["--cuts", "\(cuts)", "--seconds", cuts > 2 ? "4" : "1"])
        print(finished.output)
        #expect(finished.status == 0, "\(finished.errors)")
        #expect(finished.output.contains("\(cuts) cuts, 0 broke a promise"))
    }

    /// The check of the check: a disk that keeps nothing is noticed.
    @Test(.timeLimit(.minutes(2))) func aDiskThatLiesIsNoticed() async throws {
        let finished = try await run(["--cuts", "1", "--seconds", "0.5", "--lies"])
        #expect(finished.status == 1 && finished.output.contains("1 cuts, 1 broke a promise"), "\(finished)")
    }

    private func run(_ arguments: [String]) async throws -> ProjectPython.Finished {
        try await ProjectPython.run(
            "Tests/Interop/power_loss.py",
            ["--herdd", Programs.herdd.path, "--seed", "\(Endurance.seed())"] + arguments)
    }
}
