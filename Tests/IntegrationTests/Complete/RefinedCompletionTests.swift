import Foundation
import HerdFrames
import HerdMessages
import Testing

/// Complete where the decision says to refine.
@Suite(
    .enabled(
        if: ProjectPython.isInstalled,
        "no Python environment at \(ProjectPython.interpreter.path): run Scripts/install.sh first"))
struct RefinedCompletionTests {
    private static let prompt = "verse rhyme sonnet stanza please"

    @Test(.timeLimit(.minutes(2))) func theDecidedRoundsAreDone() async throws {
        let model = try await ModelServer.scripted("a draft", "it is too short", "a better and longer answer")
        try await CompleteHerd.with(["alder": model.baseURL], taught: try await TaughtScorer.gaining) { herd in
            let answer = await herd.complete(Self.prompt)
            #expect(answer.error == nil && answer.failed.isEmpty)
            #expect(answer.decision?.candidates.first?.refineRounds == 1)
            #expect(answer.steps == ["draft", "critique", "rewrite"])
            #expect(answer.text == "a better and longer answer")
            let finish = try #require(answer.finish)
            #expect(finish.refineRounds == 1 && !finish.transcriptId.isEmpty)
            #expect(finish.generation?.usage?.completionTokens ?? 0 >= 10)
            let generation = try #require(finish.generation)
            #expect(generation.reason == "stop" && generation.firstTokenSeconds > 0)
            #expect(generation.firstTokenSeconds < generation.seconds)
            let run = try await herd.run(of: answer)
            #expect(run.refineRounds == 1 && run.transcriptId == finish.transcriptId && run.code == 0)
        }
    }

    @Test(.timeLimit(.minutes(2))) func withoutARefinerTheModelAnswersAlone() async throws {
        let model = try await ModelServer.scripted("a plain answer")
        try await CompleteHerd.with(
            ["alder": model.baseURL], taught: try await TaughtScorer.gaining, hasRefiner: false
        ) { herd in
            let answer = await herd.complete(Self.prompt)
            #expect(answer.error == nil && answer.text == "a plain answer")
            #expect(answer.failed.map(\.code) == [StatusCode.unavailable.rawValue])
            #expect(answer.failed.first?.error.contains("the refiner is away") == true)
            #expect(answer.finish?.refineRounds == 0 && answer.finish?.generation?.reason == "stop")
        }
    }

    @Test(.timeLimit(.minutes(2))) func aRefinementThatBreaksOffLeavesItsDraft() async throws {
        let model = try await ModelServer.scripted("the draft stands", "!400 no more")
        try await CompleteHerd.with(["alder": model.baseURL], taught: try await TaughtScorer.gaining) { herd in
            let answer = await herd.complete(Self.prompt)
            #expect(answer.error == nil && answer.text == "the draft stands")
            #expect(answer.failed.first?.error.contains("the best answer so far follows") == true)
            #expect(answer.finish?.refineRounds == 0)
        }
    }
}
