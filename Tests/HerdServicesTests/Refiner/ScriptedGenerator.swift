import HerdFrames
import HerdMessages
import HerdServices
import Synchronization

/// Says what it was told to, one reply for each request, word by word.
final class ScriptedGenerator: StepGenerator {
    enum Reply {
        case text(String, tokens: UInt32 = 0, cost: Double = 0, reason: String = "stop")
        /// Fails after these words.
        case failure(CallError, after: String = "")
        /// Is stopped after these words, and never tells what it took.
        case stopped(CallError, after: String)
    }

    private struct State {
        var replies: [Reply]
        var requests: [GenerateRequest] = []
        var timeouts: [Duration?] = []
    }

    private let state: Mutex<State>

    init(_ replies: [Reply]) {
        state = Mutex(State(replies: replies))
    }

    var requests: [GenerateRequest] { state.withLock { $0.requests } }
    var timeouts: [Duration?] { state.withLock { $0.timeouts } }

    func generate(
        _ request: GenerateRequest, timeout: Duration?, delta: (String) async throws(CallError) -> Void
    ) async throws(CallError) -> GeneratedStep {
        let reply = state.withLock { state in
            state.requests.append(request)
            state.timeouts.append(timeout)
            return state.replies.isEmpty ? Reply.text("nothing was planned") : state.replies.removeFirst()
        }
        switch reply {
        case .text(let text, let tokens, let cost, let reason):
            try await Self.say(text, delta)
            return GeneratedStep(
                finish: GenerationFinish(
                    reason: reason, usage: Usage(completionTokens: tokens, costUsd: cost), model: request.model))
        case .failure(let error, let text):
            try await Self.say(text, delta)
            return GeneratedStep(
                finish: GenerationFinish(reason: "error", usage: Usage(completionTokens: 1), model: request.model),
                failure: error)
        case .stopped(let error, let text):
            try await Self.say(text, delta)
            return GeneratedStep(finish: nil, failure: error)
        }
    }

    private static func say(
        _ text: String, _ delta: (String) async throws(CallError) -> Void
    ) async throws(CallError) {
        for (index, word) in text.split(separator: " ").enumerated() {
            try await delta(index == 0 ? String(word) : " \(word)")
        }
    }
}

/// Gives each text the score it was told.
struct ScriptedGrader: RefinementGrader {
    var scores: [String: Double]
    var kind = RefinementGrading.reference

    func grade(
        _ answer: String, draft: String, maxTokens: UInt32, timeout: Duration?
    ) async throws(JudgementFailure) -> GradedAnswer {
        guard let score = scores[answer] else {
            throw JudgementFailure(
                CallError(.unavailable, "no score for '\(answer)'"), usage: Usage(promptTokens: 1, costUsd: 0.25))
        }
        // No judge is asked to compare the draft with itself.
        return GradedAnswer(score: score, usage: kind == .judge && answer == draft ? nil : Usage(promptTokens: 1))
    }
}

/// Keeps what is written down.
final class KeptTranscript: RefinementTranscript {
    private let lines = Mutex<[String]>([])
    let id = "0000000000000001-00000001"
    private let keeps: Bool

    init(keeps: Bool = true) { self.keeps = keeps }

    var kept: [String] { lines.withLock { $0 } }

    func begin(_ plan: RefinementPlan) { note("prompt: \(plan.input.text)") }

    func add(_ step: RefinementStepKind, round: Int, text: String, finished: RefinementStep) {
        note("\(step.rawValue) \(round): \(text)")
    }

    func end(_ result: RefinementResult) { note("final \(result.round): \(result.text) [\(result.stoppedBecause)]") }

    func isKept(within limit: Duration) async -> Bool { limit > .zero && keeps }

    private func note(_ line: String) { lines.withLock { $0.append(line) } }
}

/// One refinement with scripted models, and all that it told.
struct ScriptedRefinement {
    var events: [RefinementEvent] = []
    var error: CallError?
    var requests: [GenerateRequest] = []
    var timeouts: [Duration?] = []
    var transcript: [String] = []

    var result: RefinementResult? { events.last?.result }

    /// Steps in order with what they said: "draft 0: one two".
    var steps: [String] {
        var steps: [String] = []
        var text = ""
        for event in events where event.result == nil {
            text += event.delta
            guard event.finished != nil else { continue }
            steps.append("\(event.step) \(event.round): \(text)")
            text = ""
        }
        return steps
    }

    /// Rounds whose rewrite was not taken.
    var notTaken: [UInt32] { events.filter { $0.finished?.notTaken == true }.map(\.round) }

    static func prompts() throws -> RefinementPrompts {
        try RefinementPrompts(folder: try PromptFolder.locate(""))
    }

    /// - Parameters:
    ///   - clock: nil for the true one.
    ///   - leavesAfter: the caller takes so many events and is gone.
    static func run(
        _ replies: [ScriptedGenerator.Reply], scores: [String: Double]? = nil,
        grading: RefinementGrading = .reference, deadline: Duration = .seconds(60),
        clock: Clock? = nil, leavesAfter: Int = .max, keepsTranscript: Bool = true,
        _ change: (inout RefinementRequest) -> Void = { _ in }
    ) async throws -> ScriptedRefinement {
        var request = RefinementRequest(prompt: "Why?", model: "small", rounds: 1)
        change(&request)
        let generator = ScriptedGenerator(replies)
        let transcript = KeptTranscript(keeps: keepsTranscript)
        let run = RefinementRun(
            try RefinementPlan(request), prompts: try prompts(), generator: generator,
            grader: scores.map { ScriptedGrader(scores: $0, kind: grading) }, transcript: transcript,
            deadline: deadline,
            elapsed: clock?.look ?? RefinementRun.clock())
        var told = ScriptedRefinement()
        do throws(CallError) {
            try await run.run { event throws(CallError) in
                guard told.events.count < leavesAfter else { throw CallError(.cancelled, "the caller has gone") }
                told.events.append(event)
            }
        } catch {
            told.error = error
        }
        (told.requests, told.timeouts, told.transcript) = (generator.requests, generator.timeouts, transcript.kept)
        return told
    }
}

/// Counts up from 0.
final class LookCount: Sendable {
    private let count = Mutex(0)

    func next() -> Int {
        count.withLock { count in
            defer { count += 1 }
            return count
        }
    }
}
