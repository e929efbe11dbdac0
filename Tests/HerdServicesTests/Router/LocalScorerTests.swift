import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// A router that has its prompts predicted by the scorer of its own process.
@Suite struct LocalScorerTests {
    private static func calls(_ herd: TestHerd) async throws -> (made: UInt64, predictions: Double) {
        let status = try await herd.status(herd.scorer)
        return (
            status.methods.first { $0.method == Scorer.predict.path }?.calls ?? 0, status.figures["predictions"] ?? 0
        )
    }

    @Test func itIsAskedWithoutACall() async throws {
        try await withTestHerd(isLocal: true) { herd in
            try await herd.addModels(Demonstration.models)
            try await herd.trainDemonstration()
            let before = try await Self.calls(herd)
            let first = try await herd.route("reverse lantern and oak")
            #expect(!first.cached && !first.degraded && !first.predictorVersion.isEmpty)
            #expect(try await herd.route("reverse lantern and oak").cached)
            // The long way, too.
            var request = RouteRequest()
            request.messages = [ChatMessage(role: "user", content: [ContentPart(part: .text("sort 3 1 2"))])]
            let long = try await herd.call(Router.route, request)
            #expect(!long.cached && !long.degraded)
            let after = try await Self.calls(herd)
            #expect(after.made == before.made)
            #expect(after.predictions == before.predictions + 2)
        }
    }

    @Test func aTextThatWouldHoldUpOthersIsPredictedElsewhere() async throws {
        try await withTestHerd(isLocal: true) { herd in
            try await herd.addModels(Demonstration.models)
            try await herd.trainDemonstration()
            let before = try await Self.calls(herd)
            let long = try await herd.route(String(repeating: "reverse ", count: 20_000))
            #expect(!long.degraded && long.promptTokens > 10_000)
            // A call is counted when it is over, which its caller may know before.
            try await herd.eventually("the scorer has counted the call") {
                try await Self.calls(herd).made == before.made + 1
            }
        }
    }

    @Test func whereItEndsThePolicyFallsBack() async throws {
        try await withTestHerd(isLocal: true) { herd in
            try await herd.addModels(Demonstration.models)
            try await herd.trainDemonstration()
            _ = try await herd.route("reverse lantern")
            _ = try await herd.scorer.call(Admin.drain, DrainRequest())
            try await herd.eventually("the router knows") {
                try await herd.status(herd.router).facts["scorer"] == "away"
            }
            let new = try await herd.route("a prompt that nobody has seen")
            #expect(new.degraded && new.degradedBecause.contains("UNAVAILABLE"))
            // What is known stays known.
            #expect(try await herd.route("reverse lantern").cached)
        }
    }
}
