import Foundation
import Testing

/// Power cuts, simulated: everything a process wrote is recorded, and stores are opened on what a disk may hold after a cut
/// at any point, with writes since the last synchronisation lost, reordered and torn. `make power-loss CUTS=200`.
@Suite(.enabled(if: PreloadedLibrary.isPossible, "the recorder and a sanitizer do not get on"))
struct PowerLossTests {
    @Test(.timeLimit(.minutes(10))) func aPowerCutLosesNothingThatWasAcknowledged() async throws {
        let folder = try TemporaryFolder()
        let cuts = Run.count("HERD_CUTS", else: 40)
        let trace = try record(steps: cuts > 40 ? 300 : 80, in: folder)
        let child = try TortureProcess(["cuts", trace, folder.path + "/cut", "\(Run.seed())", "\(cuts)"])
        let lines = try child.allLines()
        #expect(child.waitForEnd() == .exited(0))
        let last = try #require(lines.last)
        print(last)
        #expect(last.hasPrefix("\(cuts) cuts, 0 broke a promise"), "\(lines.prefix(5))")
    }

    /// The check of the check: on a disk that never keeps its word, cuts do break promises.
    @Test(.timeLimit(.minutes(10))) func aDiskThatLiesIsNoticed() async throws {
        let folder = try TemporaryFolder()
        let trace = try record(steps: 40, in: folder)
        let child = try TortureProcess(["lies", trace, folder.path + "/cut", "\(Run.seed())", "20"])
        let last = try #require(try child.allLines().last)
        #expect(last.hasPrefix("20 cuts, ") && !last.hasPrefix("20 cuts, 0 broke"), "\(last)")
    }

    private func record(steps: Int, in folder: TemporaryFolder) throws -> String {
        let recorder = try PreloadedLibrary("record_writes", in: folder)
        let trace = folder.path + "/trace"
        let child = try TortureProcess(
            ["trace", folder.path + "/store", "\(steps)"],
            environment: ["LD_PRELOAD": recorder.path, "HERD_WRITE_TRACE": trace])
        #expect(try child.allLines() == ["done"])
        #expect(child.waitForEnd() == .exited(0))
        return trace
    }
}
