import HerdClient
import HerdFrames
import HerdMessages
import Testing

@Suite struct DecisionTests {
    @Test func aDecisionIsFoundAtOnceAndKeepsItsOutcomes() async throws {
        try await withTestHerd { herd in
            try await herd.addModels(Demonstration.models)
            try await herd.trainDemonstration()
            let reply = try await herd.call(
                Router.route, RouteRequest(prompt: "add 4 5", explain: true), metadata: ["tenant": "farm"])
            let request = FeedbackRequest(
                decisionId: reply.decisionId, outcome: 0.5, comment: "halfway", requestId: "once")
            for _ in 0..<3 { _ = try await herd.call(Router.feedback, request) }
            let other = FeedbackRequest(decisionId: reply.decisionId, outcome: 1, model: "tiny-copy")
            _ = try await herd.call(Router.feedback, other)
            let found = try await herd.call(
                Router.getDecision, GetDecisionRequest(decisionId: reply.decisionId))
            let decision = try #require(found.decision)
            #expect(decision.response == reply)
            #expect(decision.tenant == "farm")
            #expect(decision.prompt.isEmpty, "prompts are not kept unless asked for")
            #expect(decision.fingerprint.count == 32)
            #expect(decision.outcomes.map(\.outcome) == [0.5, 1])
            #expect(decision.outcomes.map(\.model) == ["tiny-add", "tiny-copy"])
        }
    }

    @Test func wrongFeedbackIsRefused() async throws {
        try await withTestHerd { herd in
            try await herd.addModels(Demonstration.models)
            try await herd.trainDemonstration()
            let id = try await herd.route("add 4 5").decisionId
            let guessed = String(id.dropLast()) + (id.hasSuffix("0") ? "1" : "0")
            for (code, request) in [
                (StatusCode.invalidArgument, FeedbackRequest(decisionId: "", outcome: 1)),
                (.invalidArgument, FeedbackRequest(decisionId: "-", outcome: 1)),
                (.invalidArgument, FeedbackRequest(decisionId: id, outcome: 1.5)),
                (.invalidArgument, FeedbackRequest(decisionId: id, outcome: .nan)),
                (.invalidArgument, FeedbackRequest(decisionId: id, outcome: 1, model: "sheep")),
                (.notFound, FeedbackRequest(decisionId: guessed, outcome: 1)),
                (.notFound, FeedbackRequest(decisionId: "00ffffffffffffff-00000000", outcome: 1)),
            ] {
                await expectFailure(code) { _ = try await herd.call(Router.feedback, request) }
            }
        }
    }

    @Test func decisionsAndOutcomesSurviveARestart() async throws {
        let herd = try await TestHerd.start()
        defer { herd.removeFolder() }
        try await herd.addModels(Demonstration.models)
        try await herd.trainDemonstration()
        let reply = try await herd.route("add 4 5")
        _ = try await herd.call(
            Router.feedback, FeedbackRequest(decisionId: reply.decisionId, outcome: 0.25))
        try await herd.stop()
        let again = try await TestHerd.start(in: herd.folder)
        let found = try await again.call(
            Router.getDecision, GetDecisionRequest(decisionId: reply.decisionId))
        #expect(found.decision?.response?.model == reply.model)
        #expect(found.decision?.outcomes.map(\.outcome) == [0.25])
        #expect(try await again.route("add 4 5").decisionId > reply.decisionId, "ids rise across restarts")
        try await again.stop()
    }
}
