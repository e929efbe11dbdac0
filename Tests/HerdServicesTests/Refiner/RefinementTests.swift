import HerdFrames
import HerdMessages
import HerdServices
import Testing

/// What a refinement does and where it stops, with models that say what they are told to.
struct RefinementTests {
    @Test("drafts, criticises and rewrites, and tells of every step as it comes")
    func steps() async throws {
        let told = try await ScriptedRefinement.run([
            .text("the draft", tokens: 2, cost: 0.1), .text("too short", tokens: 3, cost: 0.2),
            .text("a longer one", tokens: 4, cost: 0.3), .text("still dull"), .text("a lively one"),
        ]) {
            $0.rounds = 2
            $0.refineModel = "large"
        }
        #expect(told.error == nil)
        #expect(
            told.steps == [
                "draft 0: the draft", "critique 1: too short", "rewrite 1: a longer one", "critique 2: still dull",
                "rewrite 2: a lively one",
            ])
        #expect(told.events.first?.delta == "the")
        #expect(told.events.first?.transcriptId == "0000000000000001-00000001")
        #expect(told.events.dropFirst().allSatisfy { $0.transcriptId.isEmpty })
        #expect(told.requests.map(\.model) == ["small", "large", "large", "large", "large"])
        let result = try #require(told.result)
        #expect(result.text == "a lively one" && result.round == 2 && result.rounds == 2)
        #expect(result.stoppedBecause == "rounds" && !result.partial && result.scores == [])
        #expect(result.usage?.completionTokens == 9)
        #expect(abs((result.usage?.costUsd ?? 0) - 0.6) < 1e-9)
        #expect(result.transcriptId == "0000000000000001-00000001")
        #expect(
            told.transcript == [
                "prompt: Why?", "draft 0: the draft", "critique 1: too short", "rewrite 1: a longer one",
                "critique 2: still dull", "rewrite 2: a lively one", "final 2: a lively one [rounds]",
            ])
    }

    @Test("a result that a slow disk holds up comes without its transcript")
    func slowTranscript() async throws {
        let told = try await ScriptedRefinement.run(
            [.text("the draft"), .text("too short"), .text("a longer one")], keepsTranscript: false)
        #expect(told.error == nil)
        #expect(told.result?.text == "a longer one")
        #expect(told.result?.transcriptId == "")
    }

    @Test("critique and rewrite are asked with prompt, newest answer and critique; form is for answers alone")
    func questions() async throws {
        let told = try await ScriptedRefinement.run([
            .text("one"), .text("bad one"), .text("two"), .text("bad two"), .text("three"),
        ]) {
            $0.rounds = 2
            $0.options = GenerationOptions(
                samplingTemperature: .temperature(0.5), maxTokens: 50, stop: ["END"],
                responseFormat: ResponseFormat(type: "json_object"))
        }
        let questions = told.requests.map { Self.text(of: $0) }
        let prompts = try ScriptedRefinement.prompts()
        #expect(questions[0] == "Why?")
        #expect(questions[1] == prompts.critique.text(["prompt": "Why?", "answer": "one"]))
        #expect(
            questions[4] == prompts.rewrite.text(["prompt": "Why?", "answer": "two", "critique": "bad two"]))
        for (index, request) in told.requests.enumerated() {
            let isCritique = index == 1 || index == 3
            // Half a critique is of no use to a short answer either.
            #expect(request.options?.maxTokens == (isCritique ? 512 : 50))
            #expect(request.options?.samplingTemperature == .temperature(0.5))
            #expect(request.options?.stop == (isCritique ? [] : ["END"]))
            #expect((request.options?.responseFormat == nil) == isCritique)
        }
    }

    @Test("a conversation is told as text; system messages and images go along")
    func conversation() async throws {
        let image = ContentPart(part: .imageUrl("data:image/png;base64,AA=="))
        let told = try await ScriptedRefinement.run([.text("a cat"), .text("which?"), .text("a grey cat")]) {
            $0.prompt = ""
            $0.messages = [
                ChatMessage(role: "system", content: [Self.part("Be brief.")]),
                ChatMessage(role: "user", content: [Self.part("Hello")]),
                ChatMessage(role: "assistant", content: [Self.part("Hi")]),
                ChatMessage(role: "user", content: [Self.part("What is it?"), image]),
            ]
        }
        #expect(told.requests[0].messages.count == 4)
        for request in told.requests.dropFirst() {
            #expect(request.messages.map(\.role) == ["system", "user"])
            #expect(request.messages[1].content.last == image)
            #expect(
                Self.text(of: request).contains("User: Hello\n\nAssistant: Hi\n\nUser: What is it?\n[image 1]\n"))
        }
    }

    @Test("a given draft is taken as it is, and 0 rounds are the draft alone")
    func givenDraft() async throws {
        let told = try await ScriptedRefinement.run([.text("worse"), .text("better")]) { $0.draft = "given" }
        #expect(told.steps == ["draft 0: given", "critique 1: worse", "rewrite 1: better"])
        #expect(told.requests.count == 2)
        let alone = try await ScriptedRefinement.run([.text("draft")]) { $0.rounds = 0 }
        #expect(alone.result?.text == "draft" && alone.result?.rounds == 0)
        #expect(alone.result?.stoppedBecause == "rounds")
    }

    // MARK: - Stops

    @Test("stops where the critique finds nothing, unless told not to")
    func nothingFound() async throws {
        let replies: [ScriptedGenerator.Reply] = [.text("good"), .text("NO ISSUES"), .text("better")]
        let told = try await ScriptedRefinement.run(replies) { $0.rounds = 3 }
        #expect(told.result?.stoppedBecause == "critique found nothing")
        #expect(told.result?.text == "good" && told.result?.rounds == 0)
        let goesOn = try await ScriptedRefinement.run(replies) {
            $0.limits = RefinementLimits(ignoreEmptyCritique: true)
        }
        #expect(goesOn.result?.text == "better")
    }

    @Test("knows a critique that finds nothing from one that does")
    func critiques() {
        for text in [
            "NO ISSUES", "no issues.", "**No issues**", "\"NO ISSUES\"", " \n", "No issues found in this answer.",
            "The sum is right.\n\nNO ISSUES\n", "<think>fine</think>\nNO ISSUES.",
        ] {
            #expect(Critique.findsNothing(text), "\(text)")
        }
        for text in [
            "No issues with the grammar, but the sum is wrong.", "There are issues.", "NO", "It is wrong: no issues",
            "no issues of style; mend the sum", "NO ISSUES\nbut mend the sum",
        ] {
            #expect(!Critique.findsNothing(text), "\(text)")
        }
    }

    @Test("stops where a rewrite changes nothing but white space, unless told not to")
    func noChange() async throws {
        let replies: [ScriptedGenerator.Reply] = [
            .text("one two"), .text("bad"), .text("one\n two"), .text("bad"), .text("three"),
        ]
        let told = try await ScriptedRefinement.run(replies) { $0.rounds = 2 }
        #expect(told.result?.stoppedBecause == "no change")
        #expect(told.result?.text == "one two" && told.result?.rounds == 1)
        let goesOn = try await ScriptedRefinement.run(replies) {
            $0.rounds = 2
            $0.limits = RefinementLimits(ignoreNoChange: true)
        }
        #expect(goesOn.result?.text == "three" && goesOn.result?.rounds == 2)
    }

    @Test("an empty rewrite never replaces an answer")
    func emptyRewrite() async throws {
        let told = try await ScriptedRefinement.run([.text("one"), .text("bad"), .text("")])
        #expect(told.result?.text == "one" && told.result?.stoppedBecause == "no change" && told.notTaken == [1])
    }

    @Test("tokens: each step gets what is left, and none is begun without any")
    func tokens() async throws {
        let told = try await ScriptedRefinement.run([.text("one", tokens: 30), .text("bad", tokens: 300)]) {
            $0.limits = RefinementLimits(maxTokens: 400)
        }
        // "Why?" is about a token.
        #expect(told.requests[0].options?.maxTokens == 399)
        let second = try #require(told.requests[1].options?.maxTokens)
        #expect(second < 370 && second > 200)
        let short = try await ScriptedRefinement.run([.text("one", tokens: 30), .text("bad", tokens: 300)]) {
            $0.limits = RefinementLimits(maxTokens: 400)
            $0.options = GenerationOptions(maxTokens: 20)
        }
        #expect(short.requests.map { $0.options?.maxTokens } == [20, second])
        #expect(told.result?.stoppedBecause == "tokens" && told.result?.text == "one")
        #expect(told.error == nil && told.result?.partial == false)
    }

    @Test("a rewrite that is cut, by whatever, does not replace the whole answer before it")
    func cutRewrite() async throws {
        let replies: [ScriptedGenerator.Reply] = [.text("whole"), .text("bad"), .text("the begin", reason: "length")]
        let told = try await ScriptedRefinement.run(replies) { $0.limits = RefinementLimits(maxTokens: 1_000) }
        #expect(told.result?.text == "whole" && told.result?.stoppedBecause == "tokens")
        // By the caller's limit of an answer or, without any, by the model's context.
        for limit: UInt32 in [2, 0] {
            let cut = try await ScriptedRefinement.run(replies) {
                $0.rounds = 3
                $0.options = GenerationOptions(maxTokens: limit)
            }
            #expect(cut.result?.text == "whole" && cut.result?.stoppedBecause == "cut off")
            #expect(cut.result?.rounds == 0 && cut.result?.partial == false && cut.error == nil)
            #expect(cut.notTaken == [1])
        }
        let given = try await ScriptedRefinement.run(Array(replies.dropFirst())) { $0.draft = "given" }
        #expect(given.result?.text == "given" && given.result?.stoppedBecause == "cut off")
    }

    @Test("where the answer before it was cut too, a cut rewrite replaces it")
    func cutDraft() async throws {
        let told = try await ScriptedRefinement.run([
            .text("half", reason: "length"), .text("bad"), .text("the begin", reason: "length"), .text("bad"),
            .text("whole"), .text("bad"), .text("half", reason: "length"),
        ]) { $0.rounds = 4 }
        #expect(told.result?.text == "whole" && told.result?.stoppedBecause == "cut off" && told.notTaken == [3])
    }

    @Test("a token limit that the prompt alone takes is refused")
    func tokensForPrompt() async throws {
        let told = try await ScriptedRefinement.run([]) {
            $0.prompt = String(repeating: "x", count: 400)
            $0.limits = RefinementLimits(maxTokens: 50)
        }
        #expect(told.error?.code == .invalidArgument)
        #expect(told.error?.message.contains("limits.max_tokens") == true && told.requests == [])
    }

    @Test("cost: no step is begun that would pass the limit at the dearest one's price")
    func cost() async throws {
        let told = try await ScriptedRefinement.run([.text("one", cost: 0.3), .text("bad", cost: 0.2), .text("two")]) {
            $0.limits = RefinementLimits(maxCostUsd: 0.7)
        }
        #expect(told.result?.stoppedBecause == "cost" && told.result?.text == "one" && told.requests.count == 2)
    }

    @Test("time: no step is begun after it, one under way is cut, and the best answer so far is the result")
    func time() async throws {
        let told = try await ScriptedRefinement.run(
            [.text("one"), .failure(CallError(.deadlineExceeded, "too slow"), after: "half a")],
            clock: Clock(showing: [.zero, .zero, .zero, .zero, .zero, .seconds(1), .seconds(2)])
        ) { $0.limits = RefinementLimits(maxSeconds: 2) }
        #expect(told.result?.stoppedBecause == "time" && told.result?.text == "one")
        #expect(told.error == nil && told.result?.partial == false)
        let cut = try #require(told.timeouts.last ?? nil)
        #expect(cut <= .seconds(2))

        let late = try await ScriptedRefinement.run(
            [.text("one")], clock: Clock(showing: [.zero, .zero, .zero, .zero, .seconds(3)])
        ) { $0.limits = RefinementLimits(maxSeconds: 2) }
        #expect(late.result?.stoppedBecause == "time" && late.requests.count == 1)
    }

    @Test("a step that time stopped counts as what its words come to, at the price so far")
    func stoppedStep() async throws {
        let told = try await ScriptedRefinement.run(
            [
                .text("one", tokens: 100, cost: 0.1),
                .stopped(CallError(.deadlineExceeded, "too slow"), after: "half a critique."),
            ], clock: Clock(showing: [.zero, .zero, .zero, .zero, .zero, .seconds(1), .seconds(2)])
        ) { $0.limits = RefinementLimits(maxSeconds: 2) }
        let usage = try #require(told.result?.usage)
        #expect(told.result?.stoppedBecause == "time" && usage.estimated && usage.costEstimated)
        #expect(usage.completionTokens == 104 && usage.promptTokens > 50)
        #expect(abs(usage.costUsd - 0.001 * Double(usage.completionTokens + usage.promptTokens)) < 1e-9)
    }

    @Test("the call's deadline leaves room for the result")
    func deadline() async throws {
        let told = try await ScriptedRefinement.run(
            [.text("one")], deadline: .seconds(10), clock: Clock(showing: [.zero, .zero, .zero, .zero, .seconds(9.6)]))
        #expect(told.timeouts == [.seconds(9.5)])
        #expect(told.result?.stoppedBecause == "time" && told.result?.text == "one")
    }

    // MARK: - Graders

    @Test("the first of the best answers is final; the last one where worse ones are kept")
    func bestScore() async throws {
        let replies: [ScriptedGenerator.Reply] = [
            .text("a"), .text("bad"), .text("b"), .text("bad"), .text("c"), .text("bad"), .text("d"),
        ]
        let scores = ["a": 0.5, "b": 0.9, "c": 0.9, "d": 0.1]
        let told = try await ScriptedRefinement.run(replies, scores: scores) { $0.rounds = 3 }
        let result = try #require(told.result)
        #expect(result.text == "b" && result.round == 1 && result.rounds == 3)
        #expect(result.scores == [0.5, 0.9, 0.9, 0.1])
        #expect(
            told.events.compactMap { $0.finished?.graded }
                == [0.5, 0.9, 0.9, 0.1].map { RefinementStep.Graded.score($0) })
        // What the grader took counts too.
        #expect(result.usage?.promptTokens == 4)
        let kept = try await ScriptedRefinement.run(replies, scores: scores) {
            $0.rounds = 3
            $0.keepWorse = true
        }
        #expect(kept.result?.text == "d" && kept.result?.round == 3)
    }

    @Test("a rewrite that grades lower than the draft is not final; no change has the same score")
    func worse() async throws {
        let told = try await ScriptedRefinement.run(
            [.text("a"), .text("bad"), .text("b"), .text("bad"), .text("b")], scores: ["a": 0.6, "b": 0.2]
        ) { $0.rounds = 3 }
        #expect(told.result?.text == "a" && told.result?.round == 0)
        #expect(told.result?.scores == [0.6, 0.2, 0.2] && told.result?.stoppedBecause == "no change")
    }

    @Test("where grading fails, the best graded answer stands")
    func graderFails() async throws {
        let told = try await ScriptedRefinement.run([.text("a"), .text("bad"), .text("b")], scores: ["a": 0.6])
        #expect(told.result?.text == "a" && told.result?.partial == true)
        #expect(told.error?.code == .unavailable)
        #expect(told.error?.message.hasPrefix("grading the rewrite of round 1 failed") == true)
        // What was paid for it all the same.
        #expect(told.result?.usage?.costUsd == 0.25 && told.notTaken == [1])
    }

    @Test("a judge compares each rewrite with the draft in both orders")
    func judge() async throws {
        let prompt = try JudgePrompt(folder: try PromptFolder.locate(""))
        func score(_ first: String, _ second: String) async throws -> Double {
            let generator = ScriptedGenerator([.text(first, tokens: 1), .text(second, tokens: 1)])
            let judge = DraftJudge(
                prompt: prompt, generator: generator, model: "judge", question: "Why?", criteria: "", reference: "so")
            let graded = try await judge.grade("new", draft: "old", maxTokens: 70, timeout: nil)
            #expect(generator.requests.allSatisfy { $0.options?.maxTokens == 70 })
            #expect(graded.usage?.completionTokens == 2)
            #expect(generator.requests.allSatisfy { $0.model == "judge" && $0.prompt.contains("so") })
            return graded.score
        }
        #expect(try await score("VERDICT: 1", "VERDICT: 2") == 1)
        #expect(try await score("VERDICT: 2", "VERDICT: 1") == 0)
        #expect(try await score("VERDICT: 1", "VERDICT: 1") == 0.5)
        let judge = DraftJudge(
            prompt: prompt, generator: ScriptedGenerator([]), model: "judge", question: "Why?", criteria: "",
            reference: "")
        #expect(try await judge.grade("old", draft: "old", maxTokens: 70, timeout: nil).score == 0.5)
    }

    @Test("a judge that fails at its second call has been paid for the first")
    func judgeFails() async throws {
        let judge = DraftJudge(
            prompt: try JudgePrompt(folder: try PromptFolder.locate("")),
            generator: ScriptedGenerator([
                .text("VERDICT: 1", tokens: 3, cost: 0.5), .failure(CallError(.unavailable, "gone")),
            ]), model: "judge", question: "Why?", criteria: "", reference: "")
        let failure = await #expect(throws: JudgementFailure.self) {
            _ = try await judge.grade("new", draft: "old", maxTokens: 70, timeout: nil)
        }
        #expect(failure?.error.code == .unavailable)
        #expect(failure?.usage.costUsd == 0.5 && failure?.usage.completionTokens == 4)
    }

    @Test("no round is begun whose judgement would pass the limit on money")
    func judgeCost() async throws {
        let replies: [ScriptedGenerator.Reply] = [
            .text("a", cost: 0.002), .text("bad", cost: 0.002), .text("b", cost: 0.002),
        ]
        let scores = ["a": 0.5, "b": 1]
        let told = try await ScriptedRefinement.run(replies, scores: scores, grading: .judge) {
            $0.limits = RefinementLimits(maxCostUsd: 0.0065)
        }
        #expect(told.requests.count == 1 && told.result?.stoppedBecause == "cost" && told.result?.text == "a")
        let enough = try await ScriptedRefinement.run(replies, scores: scores, grading: .judge) {
            $0.limits = RefinementLimits(maxCostUsd: 0.011)
        }
        #expect(enough.result?.text == "b" && enough.result?.scores == [0.5, 1])
    }

    @Test("a rewrite that turns out too dear for a judgement is left as it is")
    func dearRewrite() async throws {
        let told = try await ScriptedRefinement.run(
            [.text("a", cost: 0.001), .text("bad", cost: 0.001), .text("b", cost: 0.005)], scores: ["a": 0.5, "b": 1],
            grading: .judge
        ) { $0.limits = RefinementLimits(maxCostUsd: 0.01) }
        #expect(told.result?.text == "a" && told.result?.stoppedBecause == "cost" && told.error == nil)
        #expect(told.result?.scores == [0.5] && told.notTaken == [1])
    }

    @Test("tokens for the judge are kept back")
    func judgeTokens() async throws {
        let replies: [ScriptedGenerator.Reply] = [.text("a", tokens: 10), .text("bad", tokens: 10), .text("b")]
        let scores = ["a": 0.5, "b": 1]
        let told = try await ScriptedRefinement.run(replies, scores: scores, grading: .judge) {
            $0.limits = RefinementLimits(maxTokens: 700)
        }
        #expect(told.requests.count == 1 && told.result?.stoppedBecause == "tokens" && told.result?.text == "a")
        let enough = try await ScriptedRefinement.run(replies, scores: scores, grading: .judge) {
            $0.limits = RefinementLimits(maxTokens: 2_000)
        }
        #expect(enough.result?.text == "b")
        #expect(enough.requests.dropFirst().allSatisfy { ($0.options?.maxTokens ?? 2_000) < 1_300 })
    }

    // MARK: - Failures

    @Test("a step that fails ends with the best answer so far, then with its own error")
    func failure() async throws {
        let told = try await ScriptedRefinement.run([
            .text("one"), .text("bad"), .text("two"),
            .failure(CallError(.invalidArgument, "the context is 256 tokens"), after: "half a"),
        ]) { $0.rounds = 3 }
        let result = try #require(told.result)
        #expect(result.partial && result.text == "two" && result.round == 1 && result.stoppedBecause == "error")
        // The caller's request was right: it is the refinement's own that does not fit.
        #expect(told.error?.code == .failedPrecondition)
        #expect(
            told.error?.message
                == "the critique of round 2 by model 'small' failed: the context is 256 tokens")
        #expect(told.transcript.suffix(2) == ["critique 2: half a", "final 1: two [error]"])
        // What the step that failed took is counted.
        #expect(result.usage?.completionTokens == 1)
    }

    @Test("a draft that breaks off is what there is")
    func brokenDraft() async throws {
        let told = try await ScriptedRefinement.run([.failure(CallError(.unavailable, "gone"), after: "half a draft")])
        // Not the refiner is away but the model.
        #expect(told.error?.metadata["unavailable"] == "model")
        #expect(told.result?.text == "half a draft" && told.result?.partial == true)
        #expect(told.error?.code == .unavailable)
    }

    @Test("an answer that is too long to be refined ends it")
    func overlong() async throws {
        let told = try await ScriptedRefinement.run([
            .text("one"), .text(String(repeating: "x", count: RefinementPlan.longestText + 1)),
        ])
        #expect(told.error?.code == .resourceExhausted && told.result?.text == "one")
    }

    @Test("a caller that goes leaves what there was in the transcript")
    func leaving() async throws {
        let told = try await ScriptedRefinement.run([.text("one"), .text("bad words"), .text("two")], leavesAfter: 3)
        #expect(told.error?.code == .cancelled)
        #expect(
            told.transcript == ["prompt: Why?", "draft 0: one", "critique 1: bad words", "final 0: one [error]"])
    }

    private static func part(_ text: String) -> ContentPart { ContentPart(part: .text(text)) }

    private static func text(of request: GenerateRequest) -> String {
        for part in request.messages.last?.content ?? [] {
            if case .text(let text)? = part.part { return text }
        }
        return ""
    }
}

/// A clock that tests turn.
struct Clock {
    let look: @Sendable () -> Duration

    /// Shows one time a look, the last one from then on.
    init(showing times: [Duration]) {
        let looks = LookCount()
        look = { times[min(looks.next(), times.count - 1)] }
    }
}
