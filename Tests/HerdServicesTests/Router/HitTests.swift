import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// Cached prompts are answered from the packed request; a prompt sent as a message takes the long way to the same.
@Suite struct HitTests {
    private static let prompts = [
        "reverse lantern", "sort walnut", "add 20 41", "upper gravel", "copy thistle", "date 3 März 2024",
        "😀 sort pear",
        "add [1] 2", "a", String(repeating: "sort fig plum ", count: 60),
    ]

    /// A herd whose models differ in every fact that goals and limits look at.
    private static func populate(_ herd: TestHerd, _ random: inout some RandomNumberGenerator) async throws {
        for name in Demonstration.models + ["never-seen"] {
            var model = Model(name: name, free: Bool.random(using: &random))
            if !model.free {
                model.priceIn = Double.random(in: 0.1...5, using: &random)
                model.priceOut = Double.random(in: 0.1...15, using: &random)
            }
            if Bool.random(using: &random) { model.parametersB = Double.random(in: 1...100, using: &random) }
            if Bool.random(using: &random) { model.context = UInt32.random(in: 40...4_096, using: &random) }
            if Bool.random(using: &random) {
                model.firstTokenSeconds = Double.random(in: 0...1, using: &random)
                model.tokensPerSecond = Double.random(in: 1...100, using: &random)
            }
            if Bool.random(using: &random) { model.outputTokens = Double(Int.random(in: 1...600, using: &random)) }
            model.local = Bool.random(using: &random)
            _ = try await herd.call(Registry.putModel, PutModelRequest(model: model))
        }
        for (name, flags, unknown, scale) in [
            ("plain", false, Policy.UnknownModels.exclude, Policy.Scale.absolute), ("flags", true, .prior, .absolute),
            ("scaled", false, .exclude, .relative),
        ] {
            let policy = Policy(
                name: name, goals: Goals(goals: [Goal(name: "latency", lambda: 0.01)]), promptFlags: flags,
                unknownModels: unknown, scale: scale)
            _ = try await herd.call(Registry.putPolicy, PutPolicyRequest(policy: policy))
        }
    }

    /// A trained herd with models and policies of all kinds.
    private static func withPopulatedHerd(
        isLocal: Bool = false, _ body: (TestHerd, inout SeededNumbers, _ seed: UInt64) async throws -> Void
    ) async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = SeededNumbers(seed)
        try await withTestHerd(isLocal: isLocal) { herd in
            try await populate(herd, &random)
            try await herd.trainDemonstration()
            try await body(herd, &random, seed)
        }
    }

    private static func request(_ random: inout some RandomNumberGenerator) -> RouteRequest {
        var request = RouteRequest(prompt: prompts.randomElement(using: &random) ?? "a")
        request.policy = ["", "plain", "flags", "scaled"].randomElement(using: &random) ?? ""
        if Bool.random(using: &random) {
            let names = ["cost", "latency", "size", "age", "verbosity", "memory", "active_size"].shuffled(
                using: &random)
            request.goals = Goals(
                goals: names.prefix(Int.random(in: 1...3, using: &random)).map {
                    Goal(name: $0, lambda: Double.random(in: -0.1...0.1, using: &random))
                })
        }
        if Bool.random(using: &random) {
            var limits = Constraints()
            switch Int.random(in: 0..<6, using: &random) {
            case 0: limits.deny = [Demonstration.models.randomElement(using: &random) ?? ""]
            case 1: limits.maxCostUsd = Double.random(in: 1e-5...1e-2, using: &random)
            case 2: limits.maxLatencySeconds = Double.random(in: 5...60, using: &random)
            case 3: limits.localOnly = true
            case 4: limits.minContextTokens = UInt32.random(in: 1...500, using: &random)
            default: limits.maxPriceOut = Double.random(in: 1...15, using: &random)
            }
            request.constraints = limits
        }
        if Bool.random(using: &random) { request.expectedOutputTokens = UInt32.random(in: 1...2_000, using: &random) }
        return request
    }

    @Test func theShortWayDecidesAsTheLongOneDoes() async throws {
        try await Self.withPopulatedHerd { herd, random, seed in
            for prompt in Self.prompts { _ = try await herd.route(prompt) }
            var answered = 0
            for _ in 0..<300 {
                let short = Self.request(&random)
                var long = short
                long.prompt = ""
                long.messages = [
                    ChatMessage(role: "user", content: [ContentPart(part: .text(short.prompt))])
                ]
                let one = await outcome(herd, short)
                let other = await outcome(herd, long)
                #expect(one.reply == other.reply, "seed \(seed): \(short)")
                #expect(one.error == other.error, "seed \(seed): \(short)")
                guard let (first, second) = one.id.flatMap({ id in other.id.map { (id, $0) } }) else { continue }
                answered += 1
                if answered % 10 == 0 {
                    let kept = try await decision(herd, first)
                    #expect(kept == (try await decision(herd, second)), "seed \(seed): \(short)")
                    #expect(kept.response?.candidates.isEmpty == false)
                }
            }
            #expect(answered > 50)
        }
    }

    @Test(arguments: [false, true]) func aPromptThatIsNewIsDecidedTheSameBothWays(isLocal: Bool) async throws {
        try await Self.withPopulatedHerd(isLocal: isLocal) { herd, random, seed in
            for number in 0..<100 {
                // No tenant's predictions are another's, so that both have to ask the scorer.
                var short = Self.request(&random)
                short.prompt += " \(number)"
                var long = short
                long.prompt = ""
                long.messages = [ChatMessage(role: "user", content: [ContentPart(part: .text(short.prompt))])]
                let one = await outcome(herd, short, tenant: "one")
                let other = await outcome(herd, long, tenant: "other")
                #expect(one.reply == other.reply, "seed \(seed): \(short)")
                #expect(one.error == other.error, "seed \(seed): \(short)")
                #expect(!one.wasCached && !other.wasCached)
                guard let (first, second) = one.id.flatMap({ id in other.id.map { (id, $0) } }) else { continue }
                if number % 10 == 0 {
                    var (kept, same) = (try await decision(herd, first), try await decision(herd, second))
                    #expect(kept.fingerprint != same.fingerprint)
                    kept.fingerprint = ""
                    same.fingerprint = ""
                    #expect(kept == same, "seed \(seed): \(short)")
                }
            }
        }
    }

    @Test func whatIsChangedIsInTheNextDecision() async throws {
        try await withTestHerd { herd in
            try await herd.addModels(Demonstration.models)
            try await herd.trainDemonstration()
            _ = try await herd.route("reverse lantern")
            let before = try await herd.route("reverse lantern")
            #expect(before.cached)
            _ = try await herd.call(Registry.removeModel, RemoveModelRequest(name: before.model))
            let after = try await herd.route("reverse lantern")
            #expect(after.cached)
            #expect(after.model != before.model)
            #expect(after.registryRevision > before.registryRevision)
        }
    }

    @Test func aPromptThatIsNoTextIsRefused() async throws {
        try await withTestHerd { herd in
            try await herd.addModels(Demonstration.models)
            try await herd.trainDemonstration()
            _ = try await herd.route("reverse lantern")
            var caught: CallError?
            do {
                // Field 1 with a byte that no UTF-8 has.
                _ = try await herd.router.forward(
                    path: Router.route.path, payload: [0x0A, 2, 0x61, 0xFF], timeout: .seconds(5), metadata: [:]
                ) { _ throws(CallError) in }
            } catch {
                caught = error as? CallError
            }
            #expect(caught?.code == .invalidArgument)
        }
    }

    private func outcome(
        _ herd: TestHerd, _ request: RouteRequest, tenant: String = "farm"
    ) async -> (reply: RouteResponse?, id: String?, error: String?, wasCached: Bool) {
        do {
            var reply = try await herd.call(Router.route, request, metadata: ["tenant": tenant])
            let (id, wasCached) = (reply.decisionId, reply.cached)
            reply.decisionId = ""
            reply.cached = false
            return (reply, id, nil, wasCached)
        } catch {
            return (nil, nil, "\(error)", false)
        }
    }

    private func decision(_ herd: TestHerd, _ id: String) async throws -> Decision {
        let found = try await herd.call(Router.getDecision, GetDecisionRequest(decisionId: id))
        var decision = try #require(found.decision)
        #expect(decision.decisionId == id)
        #expect(decision.response?.decisionId == id)
        decision.decisionId = ""
        decision.response?.decisionId = ""
        decision.timeUnixMs = 0
        decision.tenant = ""
        return decision
    }
}
