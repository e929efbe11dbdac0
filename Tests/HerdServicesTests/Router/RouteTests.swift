import HerdClient
import HerdFrames
import HerdMessages
import Testing

@Suite struct RouteTests {
    @Test func promptsGoToTheModelThatKnowsTheTask() async throws {
        try await withTestHerd { herd in
            try await herd.addModels(Demonstration.models)
            try await herd.trainDemonstration()
            for (prompt, model) in [
                ("reverse lantern", "tiny-reverse"), ("sort walnut", "tiny-sort"), ("add 20 41", "tiny-add"),
                ("upper gravel", "tiny-upper"), ("copy thistle", "tiny-copy"),
            ] {
                let reply = try await herd.route(prompt)
                #expect(reply.model == model, "\(prompt)")
                #expect(!reply.degraded)
                #expect(reply.candidates.count == Demonstration.models.count)
            }
        }
    }

    @Test func equalInputsGiveEqualRepliesFromCacheAndScorer() async throws {
        let herd = try await TestHerd.start()
        defer { herd.removeFolder() }
        try await herd.addModels(Demonstration.models)
        try await herd.trainDemonstration()
        let ask: @Sendable (inout RouteRequest) -> Void = {
            $0.explain = true
            $0.goals = Goals(goals: [Goal(name: "age", lambda: 0.01), Goal(name: "cost", lambda: 3)])
        }
        func comparable(_ reply: RouteResponse) -> RouteResponse {
            var reply = reply
            reply.decisionId = ""
            reply.cached = false
            return reply
        }
        let first = try await herd.route("reverse lantern", ask)
        let second = try await herd.route("reverse lantern", ask)
        #expect(!first.cached && second.cached)
        #expect(first.decisionId != second.decisionId)
        #expect(comparable(first) == comparable(second))
        try await herd.stop()
        let again = try await TestHerd.start(in: herd.folder)
        try await again.follow(first.predictorVersion)
        let third = try await again.route("reverse lantern", ask)
        #expect(third.cached, "the cache survives a restart")
        #expect(comparable(third) == comparable(first))
        try await again.stop()
    }

    @Test func theTermsOfAnExplainedDecisionAddUp() async throws {
        try await withTestHerd { herd in
            try await herd.addModels(Demonstration.models + ["never-seen"])
            try await herd.trainDemonstration()
            let reply = try await herd.route("sort walnut") {
                $0.explain = true
                $0.goals = Goals(
                    goals: ["cost", "latency", "size", "age", "verbosity"].map { Goal(name: $0, lambda: 0.0137) })
            }
            let open = reply.candidates.filter(\.excludedBecause.isEmpty)
            #expect(open.count == Demonstration.models.count)
            for candidate in open {
                #expect(candidate.contributions.count == 6)
                #expect(candidate.contributions.reduce(0) { $0 + $1.value } == candidate.utility)
            }
            #expect(open.map(\.utility) == open.map(\.utility).sorted(by: >))
            #expect(reply.candidates.last?.model == "never-seen")
            #expect(reply.candidates.last?.excludedBecause == "no prediction")
            #expect(try await herd.route("sort walnut").candidates.allSatisfy(\.contributions.isEmpty))
        }
    }

    @Test func aModelNeverSeenGetsThePriorWhereThePolicySaysSo() async throws {
        try await withTestHerd { herd in
            try await herd.addModels(["tiny-add", "never-seen"])
            try await herd.trainDemonstration()
            let policy = Policy(name: "open", unknownModels: .prior)
            _ = try await herd.call(Registry.putPolicy, PutPolicyRequest(policy: policy))
            let reply = try await herd.route("add 1 2") { $0.policy = "open" }
            #expect(Set(reply.candidates.map(\.model)) == ["tiny-add", "never-seen"])
            #expect(reply.candidates.first { $0.model == "never-seen" }?.prior == true)
        }
    }

    @Test func promptFlagsAreObeyedOnlyWhereThePolicyReadsThem() async throws {
        try await withTestHerd { herd in
            try await herd.addModels(Demonstration.models)
            try await herd.trainDemonstration()
            let plain = try await herd.route("[Flag: local only] sort walnut")
            #expect(plain.flags.isEmpty)
            let policy = Policy(name: "flagged", promptFlags: true)
            _ = try await herd.call(Registry.putPolicy, PutPolicyRequest(policy: policy))
            let message = await expectFailure(.failedPrecondition) {
                _ = try await herd.route("[Flag: local only] sort walnut") { $0.policy = "flagged" }
            }
            #expect(message.contains("tiny-sort: not local"))
            let cheap = try await herd.route("[Flag: cheapest] sort [Flag: purple] walnut") {
                $0.policy = "flagged"
                $0.explain = true
            }
            #expect(cheap.flags == ["cheapest"])
            #expect(cheap.unknownFlags == ["purple"])
            #expect(cheap.candidates.first?.contributions.map(\.name) == ["quality", "cost"])
            let bare = try await herd.route("sort walnut") { $0.policy = "flagged" }
            #expect(bare.cached, "flags are removed before the fingerprint")
        }
    }

    @Test func hardLimitsThatNobodyMeetsSayWhy() async throws {
        try await withTestHerd { herd in
            try await herd.addModels(Demonstration.models)
            try await herd.trainDemonstration()
            let message = await expectFailure(.failedPrecondition) {
                _ = try await herd.route("add 1 2") { $0.constraints = Constraints(capabilities: ["vision"]) }
            }
            for model in Demonstration.models { #expect(message.contains("\(model): lacks the capability 'vision'")) }
            let allowed = try await herd.route("add 1 2") { $0.constraints = Constraints(allow: ["tiny-copy"]) }
            #expect(allowed.candidates.map(\.model) == ["tiny-copy"])
        }
    }

    @Test func withoutHerdOrPredictorTheAnswerSaysWhatToDo() async throws {
        try await withTestHerd { herd in
            let empty = await expectFailure(.failedPrecondition) { _ = try await herd.route("hello") }
            #expect(empty.contains("the herd is empty"))
            try await herd.addModels(["a", "b"])
            let untrained = await expectFailure(.failedPrecondition) { _ = try await herd.route("hello") }
            #expect(untrained.contains("no predictor yet"))
            let policy = Policy(name: "default", defaultModel: "b")
            _ = try await herd.call(Registry.putPolicy, PutPolicyRequest(policy: policy))
            let reply = try await herd.route("hello")
            #expect(reply.model == "b" && reply.degraded && reply.degradedBecause == "no predictor yet")
            _ = try await herd.call(Registry.removeModel, RemoveModelRequest(name: "b"))
            let gone = await expectFailure(.failedPrecondition) { _ = try await herd.route("hello") }
            #expect(gone.contains("default model 'b'"))
        }
    }

    @Test func conversationsArePredictedFromTheUsersTurns() async throws {
        try await withTestHerd { herd in
            try await herd.addModels(Demonstration.models)
            try await herd.trainDemonstration()
            func message(_ role: String, _ text: String) -> ChatMessage {
                ChatMessage(role: role, content: [ContentPart(part: .text(text))])
            }
            let chat = RouteRequest(messages: [
                message("system", "add 1 2 add 3 4 add 5 6"), message("assistant", "add 7 8"),
                message("user", "reverse lantern"),
            ])
            let reply = try await herd.call(Router.route, chat)
            #expect(reply.model == "tiny-reverse")
            #expect(try await herd.route("reverse lantern").cached, "a prompt and its message are one text")
            for wrong in [
                RouteRequest(prompt: "x", messages: chat.messages), RouteRequest(),
                RouteRequest(messages: [message("assistant", "x")]), RouteRequest(messages: [message("sheep", "x")]),
            ] {
                await expectFailure(.invalidArgument) { _ = try await herd.call(Router.route, wrong) }
            }
            var image = chat
            image.messages.append(ChatMessage(role: "user", content: [ContentPart(part: .imageUrl("http://x/y.png"))]))
            let refused = await expectFailure(.failedPrecondition) {
                _ = try await herd.call(Router.route, image)
            }
            #expect(refused.contains("lacks the capability 'vision'"))
        }
    }

    @Test func concurrentMissesForOnePromptArePredictedOnce() async throws {
        try await withTestHerd { herd in
            try await herd.addModels(Demonstration.models)
            try await herd.trainDemonstration()
            let before = try await herd.status(herd.scorer).figures["predictions"] ?? 0
            try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<100 { group.addTask { try await herd.route("reverse something new").model } }
                var models: Set<String> = []
                for try await model in group { models.insert(model) }
                #expect(models.count == 1)
            }
            let after = try await herd.status(herd.scorer).figures["predictions"] ?? 0
            #expect(after - before == 1)
            for service in [herd.router, herd.scorer] {
                let age = try #require(try await herd.status(service).figures["predictor_age_seconds"])
                #expect((0..<3_600).contains(age))
            }
        }
    }

    @Test func tenantsDoNotShareCachedPredictions() async throws {
        try await withTestHerd { herd in
            try await herd.addModels(Demonstration.models)
            try await herd.trainDemonstration()
            let request = RouteRequest(prompt: "copy thistle")
            for tenant in ["a", "b"] {
                let metadata = ["tenant": tenant]
                #expect(try await !herd.call(Router.route, request, metadata: metadata).cached)
                #expect(try await herd.call(Router.route, request, metadata: metadata).cached)
            }
            #expect(try await !herd.call(Router.route, request).cached)
            #expect(try await herd.call(Router.route, request, metadata: ["tenant": ""]).cached, "empty is not given")
            await expectFailure(.invalidArgument) {
                let tenant = String(repeating: "t", count: 401)
                _ = try await herd.call(Router.route, request, metadata: ["tenant": tenant])
            }
        }
    }
}
