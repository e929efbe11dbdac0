import Foundation
import Testing

/// Crowds of connections beside a client that routes with a token: `Scripts/scale/crowd.py` says what comes.
/// `make measure-overload` has more of them come and times them; here the calls count, and what is left afterwards.
@Suite(
    .serialized,
    .enabled(
        if: ProjectPython.isInstalled,
        "no Python environment at \(ProjectPython.interpreter.path): run Scripts/install.sh first"),
    .enabled(if: ProcessInfo.processInfo.activeProcessorCount > 1, "crowd and herd have a core each"))
struct CrowdTests {
    /// What `crowd.py --json` writes, as far as the test looks at it.
    struct Report: Decodable {
        struct Figure: Decodable {
            var name: String
            var value: Double
            var missed: Bool
        }

        var figures: [Figure]
    }

    @Test(.timeLimit(.minutes(2))) func aGoodClientsRoutesAreAnsweredAndNothingIsLeftBehind() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "herd-crowd-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "figures.json")
        let finished = try await ProjectPython.run(
            "Scripts/scale/crowd.py",
            [
                "--bin", Programs.folder.path, "--rounds", "1", "--connections", "1000", "--attempts", "5000",
                "--seconds", "1", "--settle", "0", "--workload", "route", "--token", "--untimed", "--json", file.path,
            ])
        #expect(finished.status == 0, "\(finished.output)\(finished.errors)")
        let figures = try JSONDecoder().decode(Report.self, from: Data(contentsOf: file)).figures
        for figure in figures { #expect(!figure.missed, "\(figure.name): \(figure.value)") }
        // Of each flood the client's failures and answers, and of both what they left.
        for part in ["its calls that failed", "its calls answered"] {
            #expect(figures.filter { $0.name.hasSuffix(part) }.count == 2, "\(figures.map(\.name))")
        }
        #expect(figures.filter { $0.name.hasSuffix("over those before") }.count == 2)
    }
}
