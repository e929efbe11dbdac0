import Foundation
import HerdClient
import HerdMessages
import Testing

/// `herdctl evaluate` on real servers: graded rightly, and killed at any moment it goes on where it was.
@Suite(
    .serialized,
    .enabled(
        if: ProjectPython.isInstalled,
        "no Python environment at \(ProjectPython.interpreter.path): run Scripts/install.sh first"))
struct KilledEvaluationTests {
    private static let kills = 5
    /// Calls that are under way at most: two models, two at once each.
    private static let underWay = 4

    @Test(.timeLimit(.minutes(3))) func fiveKillsEndWithTheResultsOfAnUndisturbedRun() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        let servers = try await EvaluationServers()
        let undisturbed = try await EvaluationHerd(servers)
        let killed = try await EvaluationHerd(servers)
        defer {
            undisturbed.end()
            killed.end()
        }
        let questions = Self.questions(90)
        let file = killed.folder.appending(path: "suite.jsonl")
        try Self.lines(questions).write(to: file, atomically: true, encoding: .utf8)

        let whole = try await undisturbed.ctl("evaluate", file.path, "--json")
        #expect(whole.status == 0, "\(whole.errors)")
        let first = try await servers.book()
        #expect(first.count == 2 * questions.count && Set(first).count == first.count)

        // Moments in growing numbers of calls, where the seed says.
        var begun = first.count
        for kill in 0..<Self.kills {
            let calls = 5 + Int((seed >> (8 * UInt64(kill))) & 0xFF) % 25
            let address = try killed.daemon.address("router")
            async let run = Programs.run(
                Programs.herdctl, ["evaluate", file.path], environment: ["HERD_ADDRESS": address])
            try await Self.waitForCalls(begun + calls, at: servers)
            try await killed.killAndStartAgain()
            let ended = try await run
            #expect(ended.status != 0, "seed \(seed)")
            begun = try await servers.book().count
        }
        let last = try await killed.ctl("evaluate", file.path, "--json")
        #expect(last.status == 0, "\(last.errors)")
        let second = try await servers.book().dropFirst(first.count)
        #expect(second.count >= 2 * questions.count)
        #expect(
            second.count <= 2 * questions.count + Self.kills * Self.underWay,
            "seed \(seed): \(second.count) calls for \(2 * questions.count) answers")

        #expect(try Self.scores(whole.output) == Self.scores(last.output), "seed \(seed)")
        // What is stored is what the servers said, graded by hand.
        let expected = Self.graded(questions, by: first)
        for herd in [undisturbed, killed] {
            let client = try herd.daemon.client("router")
            defer { client.close() }
            let reply = try await client.call(Scorer.import, ImportRequest(evaluations: expected))
            #expect(reply.unchanged == UInt32(questions.count) && reply.total == UInt64(questions.count))
        }
        let trained = try await killed.ctl("train", "--json")
        #expect(trained.status == 0, "\(trained.errors)")
        #expect(try PrintedJSON.object(trained.output)["rows"] as? Int == questions.count)
        try await Self.checkPerfics(killed)
        await servers.stop()
    }

    // MARK: - Questions

    private static func questions(_ count: Int) -> [(id: String, prompt: String, answer: String)] {
        let words = [
            "lantern", "pigeon", "walnut", "copper", "meadow", "thunder", "velvet", "harbour", "saffron", "quiver",
        ]
        return (0..<count).map { number in
            // A different one each time.
            let shown = "\(words[number % 10].prefix(3))\(words[number / 10 % 10].suffix(3))"
            return number.isMultiple(of: 2)
                ? ("q\(number)", "copy \(shown)", shown) : ("q\(number)", "upper \(shown)", shown.uppercased())
        }
    }

    private static func lines(_ questions: [(id: String, prompt: String, answer: String)]) -> String {
        questions.map { question in
            #"{"id":"\#(question.id)","prompt":"\#(question.prompt)","task":"\#(question.prompt.prefix(4))","reference":"\#(question.answer)","grader":"exact"}"#
                + "\n"
        }.joined()
    }

    private static func graded(
        _ questions: [(id: String, prompt: String, answer: String)], by book: [EvaluationServers.Call]
    ) -> [Evaluation] {
        questions.map { question in
            var evaluation = Evaluation(
                id: question.id, prompt: question.prompt, task: String(question.prompt.prefix(4)))
            for call in book where call.prompt == question.prompt {
                let answer = call.answer?.trimmingCharacters(in: .whitespacesAndNewlines)
                evaluation.scores[call.model] = answer == question.answer ? 1 : 0
                evaluation.costs[call.model] = 0
            }
            return evaluation
        }
    }

    // MARK: - Looking

    private static func scores(_ json: String) throws -> [String: Double] {
        let summaries = try #require(try PrintedJSON.object(json)["summaries"] as? [[String: Any]])
        return try Dictionary(
            uniqueKeysWithValues: summaries.map {
                (try #require($0["model"] as? String), try #require($0["score"] as? Double))
            })
    }

    private static func waitForCalls(_ count: Int, at servers: EvaluationServers) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while try await servers.book().count < count {
            try #require(ContinuousClock.now < deadline, "\(count) calls were never begun")
        }
    }

    private static func checkPerfics(_ herd: EvaluationHerd) async throws {
        let picture = herd.folder.appending(path: "perfics.svg")
        let result = try await herd.ctl("perfics", "--weights", "1,0,1,0", "--svg", picture.path, "--json")
        #expect(result.status == 0, "\(result.errors)")
        let reply = try PrintedJSON.object(result.output)
        let rows = try #require(reply["rows"] as? [[String: Any]])
        #expect(rows.count == 2 && rows.allSatisfy { $0["ranked"] as? Bool == true })
        let tasks = try #require(reply["tasks"] as? [[String: Any]])
        #expect(tasks.compactMap { $0["task"] as? String } == ["copy", "uppe"])
        #expect(try String(contentsOf: picture, encoding: .utf8).contains("tiny-upper"))
        // Nothing was refined: no model has every term.
        let table = try await herd.ctl("perfics")
        #expect(table.output.contains("gain: no refined evaluations"))
    }
}
