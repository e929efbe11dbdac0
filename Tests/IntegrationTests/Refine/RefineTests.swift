import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// Refinement through real processes, with a model that says what it is told to and with llama.cpp.
@Suite(
    .serialized,
    .enabled(
        if: ProjectPython.isInstalled,
        "no Python environment at \(ProjectPython.interpreter.path): run Scripts/install.sh first"))
struct RefineTests {
    @Test("three rounds stream every step, over the wire and in herdctl refine", .timeLimit(.minutes(2)))
    func threeRounds() async throws {
        let words = ["draft zero", "flaw one", "answer one", "flaw two", "answer two", "flaw three", "answer three"]
        let model = try await ModelServer.scripted(
            words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[0], words[1], words[2],
            words[3], words[4], words[5], words[6])
        try await RefineHerd.with(models: [("scripted", model.baseURL)]) { herd in
            var request = RefineRequest(route: RouteRequest(prompt: "Why?"))
            request.roundsChoice = .rounds(3)
            let told = try await RefinedAnswer.of(herd.client.stream(Router.refine, request))
            #expect(told.error == nil, "\(told.error.map { "\($0)" } ?? "")")
            #expect(told.answer == "answer three" && told.decision?.model == "scripted")
            let finished = told.steps.filter { $0.finished != nil }.map { "\($0.step) \($0.round)" }
            #expect(
                finished == [
                    "draft 0", "critique 1", "rewrite 1", "critique 2", "rewrite 2", "critique 3", "rewrite 3",
                ])
            let result = try #require(told.result)
            #expect(result.rounds == 3 && result.round == 3 && result.stoppedBecause == "rounds")

            let shown = try await herd.ctl("transcript", "show", result.transcriptId)
            for word in words { #expect(shown.output.contains("\n\(word)\n"), "\(word)") }
            let decision = try await herd.client.call(
                Router.getDecision, GetDecisionRequest(decisionId: try #require(told.decision).decisionId))
            #expect(decision.decision?.run?.refineRounds == 3)
            #expect(decision.decision?.run?.transcriptId == result.transcriptId)

            #expect(told.steps.first?.transcriptId == result.transcriptId)

            let printed = try await herd.ctl("refine", "Why?", "--rounds", "3", "--tenant", "acme")
            #expect(printed.status == 0 && printed.output == "answer three\n", "\(printed.errors)")
            for word in words { #expect(printed.errors.contains("\n\(word)\n"), "\(word)") }
            let list = try await herd.ctl("transcript", "list")
            #expect(list.output.contains(result.transcriptId))
            // The tenant's list has the second one alone; nobody else's transcript is shown to it.
            let tenants = try await herd.ctl("transcript", "list", "--tenant", "acme", "--json")
            #expect((try PrintedJSON.object(tenants.output)["transcripts"] as? [Any])?.count == 1)
            #expect(!tenants.output.contains(result.transcriptId))
            let foreign = try await herd.ctl("transcript", "show", result.transcriptId, "--tenant", "acme")
            #expect(foreign.status == 66)
            #expect(try await herd.ctl("transcript", "delete", result.transcriptId).status == 0)
            #expect(try await herd.ctl("transcript", "delete", result.transcriptId).status == 0)
            #expect(try await herd.ctl("transcript", "show", result.transcriptId).status == 66)
        }
    }

    @Test("a refiner killed in round 2 leaves the best answer so far and an honest error", .timeLimit(.minutes(2)))
    func killedRefiner() async throws {
        // The critique of round 2 never ends.
        let model = try await ModelServer.scripted(
            "draft", "flaw one", "answer one", "flaw two and...", "draft", "flaw", "answer")
        try await RefineHerd.with(models: [("scripted", model.baseURL)]) { herd in
            var request = RefineRequest(route: RouteRequest(prompt: "Why?"), model: "scripted")
            request.roundsChoice = .rounds(3)
            let told = try await RefinedAnswer.of(herd.client.stream(Router.refine, request)) { step in
                guard step.step == "critique", step.round == 2, step.delta.contains("and") else { return }
                // What it has done so far is on disk once it was listed.
                _ = try await herd.client.call(Refiner.listTranscripts, ListTranscriptsRequest())
                let refiner = herd.refiner
                await Blocking.onThread { refiner.kill() }
            }
            let result = try #require(told.result)
            #expect(result.partial && result.text == "answer one" && result.round == 1)
            #expect(result.stoppedBecause == "error" && told.answer == "")
            #expect(!result.transcriptId.isEmpty && result.usage?.estimated == true)
            let error = try #require(told.error)
            #expect(error.code == .unavailable)
            #expect(
                error.message.hasPrefix(
                    "the refiner went away in round 2 (critique) of 3; the best answer so far, of round 1, was"),
                "\(error.message)")

            // Calls that have not begun wait for it, within their deadlines.
            let away = try await herd.ctl("refine", "Why?", "--model", "scripted", "--timeout", "2")
            #expect(away.status == 69 && away.errors.contains("the refiner is away"), "\(away.errors)")

            try await herd.startRefinerAgain()
            // The router dials again after a pause.
            var again = try await herd.ctl("refine", "Why?", "--model", "scripted")
            let deadline = ContinuousClock.now + .seconds(10)
            while again.status == 69, ContinuousClock.now < deadline {
                again = try await herd.ctl("refine", "Why?", "--model", "scripted")
            }
            #expect(again.status == 0 && again.output == "answer\n", "\(again.errors)")
            // What the killed one had done is kept.
            let list = try await herd.ctl("transcript", "list", "--json")
            let transcripts = try #require(try PrintedJSON.object(list.output)["transcripts"] as? [[String: Any]])
            #expect(transcripts.count == 2)
            let broken = try await herd.ctl(
                "transcript", "show", try #require(transcripts.last?["transcript_id"] as? String))
            #expect(broken.output.contains("\nanswer one\n"))
        }
    }

    @Test("a step that fails gives the best answer so far and the model's own error", .timeLimit(.minutes(2)))
    func failedStep() async throws {
        let model = try await ModelServer.scripted(
            "draft", "flaw", "!400 the request exceeds the context of 256 tokens")
        try await RefineHerd.with(models: [("scripted", model.baseURL)]) { herd in
            let printed = try await herd.ctl("refine", "Why?", "--model", "scripted", "--rounds", "2")
            // Not "wrong usage": the prompt was the refinement's own.
            #expect(printed.status == 78 && printed.output == "draft\n", "\(printed.errors)")
            #expect(printed.errors.contains("the rewrite of round 1 by model 'scripted' failed"), "\(printed.errors)")
            #expect(printed.errors.contains("256 tokens"), "\(printed.errors)")
        }
    }

    @Test("a caller that leaves frees the model", .timeLimit(.minutes(2)))
    func leaving() async throws {
        let model = try await ModelServer.scripted("draft", "flaw and...", "draft", "flaw", "answer")
        try await RefineHerd.with(models: []) { herd in
            // One call at a time: a second one is answered only once the first has let go.
            let endpoint = Endpoint(baseUrl: model.baseURL, maxConcurrency: 1)
            _ = try await herd.client.call(
                Registry.putModel, PutModelRequest(model: Model(name: "alone", free: true, endpoints: [endpoint])))
            let request = RefineRequest(route: RouteRequest(prompt: "Why?"), model: "alone")
            for try await event in herd.client.stream(Router.refine, request) {
                if case .step(let step)? = event.event, step.delta.contains("and") { break }
            }
            let next = try await RefinedAnswer.of(herd.client.stream(Router.refine, request, timeout: .seconds(20)))
            #expect(next.error == nil && next.answer == "answer")
        }
    }

    @Test("a critique that does not fit llama.cpp's context leaves the draft", .timeLimit(.minutes(2)))
    func smallContext() async throws {
        let model = try await ModelServer.llama("tiny-copy", slots: 1, context: 256)
        try await RefineHerd.with(models: [("tiny-copy", model.baseURL)]) { herd in
            let request = RefineRequest(route: RouteRequest(prompt: "copy: sheep"))
            let told = try await RefinedAnswer.of(herd.client.stream(Router.refine, request))
            let result = try #require(told.result)
            #expect(result.partial && result.round == 0 && result.stoppedBecause == "error")
            #expect(!result.text.isEmpty)
            #expect(told.error?.message.hasPrefix("the critique of round 1 by model 'tiny-copy' failed") == true)
        }
    }

    @Test("three rounds with llama.cpp stream every step", .timeLimit(.minutes(2)))
    func llama() async throws {
        let model = try await ModelServer.llama("tiny-copy", slots: 1, context: 2_048)
        try await RefineHerd.with(models: [("tiny-copy", model.baseURL)]) { herd in
            var request = RefineRequest(route: RouteRequest(prompt: "copy: sheep"), model: "tiny-copy")
            request.roundsChoice = .rounds(3)
            request.options = GenerationOptions(samplingTemperature: .temperature(0), maxTokens: 24)
            request.limits = RefinementLimits(ignoreEmptyCritique: true, ignoreNoChange: true)
            let told = try await RefinedAnswer.of(herd.client.stream(Router.refine, request))
            #expect(told.error == nil, "\(told.error.map { "\($0)" } ?? "")")
            let finished = told.steps.filter { $0.finished != nil }
            #expect(finished.map(\.step) == ["draft"] + (1...3).flatMap { _ in ["critique", "rewrite"] })
            #expect(finished.allSatisfy { ($0.finished?.usage?.promptTokens ?? 0) > 0 })
            #expect(told.result?.rounds == 3 && told.result?.partial == false)
        }
    }
}
