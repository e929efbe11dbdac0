import HerdClient
import HerdFrames
import HerdMessages
import HerdServices
import Testing

@Suite struct SessionTests {
    /// A prompt that the first model is best at, and one that the second is.
    private static let copy = "repeat after me: fleece"
    private static let upper = "shout fleece"

    @Test func aConversationStaysWithItsModelUnlessAnotherIsBetterByTheMargin() async throws {
        try await withTestHerd { herd in
            try await herd.addModels(["tiny-copy", "tiny-upper"])
            try await herd.trainDemonstration()
            for (name, margin) in [("loyal", 2.0), ("fickle", 0.0)] {
                _ = try await herd.call(
                    Registry.putPolicy, PutPolicyRequest(policy: Policy(name: name, switchMargin: margin)))
            }
            let first = try await herd.route(Self.copy) {
                $0.session = "talk"
                $0.policy = "loyal"
            }
            #expect(first.model == "tiny-copy" && !first.sessionModelKept)
            let kept = try await herd.route(Self.upper) {
                $0.session = "talk"
                $0.policy = "loyal"
            }
            #expect(kept.model == "tiny-copy" && kept.sessionModelKept)
            #expect(kept.candidates.map(\.model) == ["tiny-copy", "tiny-upper"])
            #expect(kept.candidates[0].utility < kept.candidates[1].utility)
            let decision = try await herd.call(
                Router.getDecision, GetDecisionRequest(decisionId: kept.decisionId)
            ).decision
            #expect(decision?.response?.sessionModelKept == true)

            // Another conversation, another tenant, and no conversation at all.
            #expect(
                try await herd.route(Self.upper) {
                    $0.session = "other"; $0.policy = "loyal"
                }.model == "tiny-upper")
            let foreign = try await herd.call(
                Router.route, RouteRequest(prompt: Self.upper, policy: "loyal", session: "talk"),
                metadata: ["tenant": "else"])
            #expect(foreign.model == "tiny-upper" && !foreign.sessionModelKept)
            #expect(try await herd.route(Self.upper) { $0.policy = "loyal" }.model == "tiny-upper")

            // A model that may not be chosen is left, and so is one that is worse by more than the margin.
            let denied = try await herd.route(Self.copy) {
                $0.session = "talk"
                $0.policy = "loyal"
                $0.constraints = Constraints(deny: ["tiny-copy"])
            }
            #expect(denied.model == "tiny-upper" && !denied.sessionModelKept)
            let left = try await herd.route(Self.copy) {
                $0.session = "talk"
                $0.policy = "fickle"
            }
            #expect(left.model == "tiny-copy" && !left.sessionModelKept)
            await expectFailure(.invalidArgument) {
                _ = try await herd.route("x") { $0.session = String(repeating: "s", count: 201) }
            }
        }
    }

    @Test func conversationsOutliveTheRouter() async throws {
        let before = try await TestHerd.start()
        defer { before.removeFolder() }
        try await before.addModels(["tiny-copy", "tiny-upper"])
        try await before.trainDemonstration()
        _ = try await before.call(
            Registry.putPolicy, PutPolicyRequest(policy: Policy(name: "loyal", switchMargin: 2)))
        _ = try await before.route(Self.copy) {
            $0.session = "talk"
            $0.policy = "loyal"
        }
        try await before.stop()
        let after = try await TestHerd.start(in: before.folder)
        let kept = try await after.route(Self.upper) {
            $0.session = "talk"
            $0.policy = "loyal"
        }
        #expect(kept.model == "tiny-copy" && kept.sessionModelKept)
        try await after.stop()
    }
}
