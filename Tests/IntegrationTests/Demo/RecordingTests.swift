import Foundation
import Testing

/// The demonstration herd's recording holds against the real servers, and the check would notice if it did not.
@Suite(
    .enabled(
        if: ProjectPython.isInstalled,
        "no Python environment at \(ProjectPython.interpreter.path): run Scripts/install.sh first"))
struct RecordingTests {
    /// What `check_recording.py --json` prints, as far as the tests look at it.
    struct Report: Decodable {
        var rows: Int
        var models: [String]
        var answers: Int
        var different_scores: Int
        var different_costs: Int
        var different_answers: Int
    }

    @Test("fifty recorded rows, asked again, score the same", .timeLimit(.minutes(3)))
    func fiftyRows() async throws {
        // Any rows must do, so each run takes others; the seed is printed so that a failure can be repeated.
        let seed = UInt32.random(in: .min ... .max)
        print("check_recording.py --rows 50 --seed \(seed)")
        let finished = try await ProjectPython.run(
            "Demo/check_recording.py", ["--rows", "50", "--seed", "\(seed)", "--json"])
        #expect(finished.status == 0, "seed \(seed): \(finished.errors)\(finished.output)")
        let report = try JSONDecoder().decode(Report.self, from: Data(finished.output.utf8))
        #expect(report.rows == 50)
        #expect(report.models.count >= 6)
        #expect(report.answers == 50 * report.models.count)
        #expect(report.different_scores == 0)
        #expect(report.different_costs == 0)
    }

    @Test("a score that was never measured is found", .timeLimit(.minutes(1)))
    func changedScore() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "herd-recording-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let rows = ["answers.jsonl": Int.max, "evaluations.jsonl": 2, "heldout-evaluations.jsonl": 0]
        for (name, kept) in rows {
            let whole = try String(contentsOf: ProjectPython.root.appending(path: "Demo/\(name)"), encoding: .utf8)
            var lines = whole.split(separator: "\n").prefix(kept).map(String.init)
            if name == "evaluations.jsonl" { lines[1] = try flippingTheFirstScore(of: lines[1]) }
            try lines.joined(separator: "\n").write(
                to: folder.appending(path: name), atomically: true, encoding: .utf8)
        }
        let finished = try await ProjectPython.run(
            "Demo/check_recording.py", ["--recording", folder.path, "--rows", "2", "--json"])
        #expect(finished.status == 1, "\(finished.errors)\(finished.output)")
        let report = try JSONDecoder().decode(Report.self, from: Data(finished.output.utf8))
        #expect(report.different_scores == 1)
        #expect(report.different_costs == 0)
        #expect(report.different_answers == 0)
    }

    @Test("a recording that cannot be read is refused in a sentence", .timeLimit(.minutes(1)))
    func missingRecording() async throws {
        let nowhere = FileManager.default.temporaryDirectory.appending(path: "herd-no-recording-\(UUID())").path
        let finished = try await ProjectPython.run("Demo/check_recording.py", ["--recording", nowhere])
        #expect(finished.status == 2)
        #expect(finished.errors.contains("cannot be read"))
        #expect(!finished.errors.contains("Traceback"))
    }

    /// The line with the score of its first model turned from 0 to 1 or from 1 to 0.
    private func flippingTheFirstScore(of line: String) throws -> String {
        let scores = try #require(line.range(of: "\"scores\": {"))
        let digit = try #require(line[scores.upperBound...].firstRange(of: ": ")).upperBound
        let flipped: Character = line[digit] == "0" ? "1" : "0"
        return line.replacingCharacters(in: digit...digit, with: String(flipped))
    }
}
