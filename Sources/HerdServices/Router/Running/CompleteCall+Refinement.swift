import HerdClient
import HerdFrames
import HerdMessages
import HerdPolicy
import HerdServer
import NIOCore

extension CompleteCall {
    /// Has the refiner draft and refine with the candidate, as the decision says, and passes its events on.
    ///
    /// - Parameter others: models that may be asked after it; where there are any, half of the caller's time is left to
    ///   the model without refinement and to them.
    /// - Returns: false where it brought nothing, which the caller has been told; the model is then asked without it.
    mutating func refine(_ candidate: RankedCandidate, others: Int) async throws(CallError) -> Bool {
        var request = RefinementRequest(
            prompt: route.prompt, model: candidate.name, rounds: UInt32(clamping: candidate.refineRounds),
            messages: route.messages, decisionId: settle().response.decisionId)
        request.options = options
        var progress = RefinementProgress()
        var failure: CallError?
        let began = NIODeadline.now()
        var firstToken: NIODeadline?
        let events = router.refiner.stream(
            Refiner.refine, request, timeout: others > 0 ? context.remaining / 2 : context.remaining,
            metadata: context.forwardedMetadata)
        var iterator = events.makeAsyncIterator()
        while true {
            let event: RefinementEvent?
            do throws(CallError) {
                event = try await iterator.next()
            } catch {
                failure = error
                break
            }
            guard let event else { break }
            progress.take(event)
            if firstToken == nil, progress.hasOutput { firstToken = .now() }
            try await send(CompleteEvent(event: .refinement(event)))
        }
        if context.isOver {
            if progress.hasOutput { session?.keep(candidate.name) }
            throw failure ?? CallError(.cancelled, "the call was stopped")
        }
        guard let text = progress.text else {
            spent.add(progress.usage)
            try await tell(failure, candidate, "the model is asked without it")
            return false
        }
        if let failure { try await tell(failure, candidate, "the best answer so far follows") }
        for piece in AnswerText.pieces(of: text) { try await send(CompleteEvent(event: .delta(piece))) }
        hasOutput = true
        attempts.append(Attempt(model: candidate.name, seconds: progress.seconds))
        generation = GenerationFinish(
            reason: progress.reason.isEmpty ? "stop" : progress.reason, usage: progress.usage, model: candidate.name,
            firstTokenSeconds: firstToken.map { Double(($0 - began).nanoseconds) / 1e9 } ?? 0,
            seconds: progress.seconds)
        refineRounds = progress.rounds
        transcriptID = progress.transcriptID
        try await finish(with: candidate.name)
        return true
    }

    private mutating func tell(_ failure: CallError?, _ candidate: RankedCandidate, _ whatNow: String)
        async throws(CallError)
    {
        let what =
            failure.map { failure in
                let isAway = failure.code == .unavailable && failure.metadata[CallError.unavailableKey] == nil
                return isAway ? "the refiner is away" : "refinement failed: \(failure.message)"
            }
            ?? "the refiner ended without an answer"
        let attempt = Attempt(
            model: candidate.name, code: (failure?.code ?? .internal).rawValue, error: "\(what); \(whatNow)")
        attempts.append(attempt)
        try await send(CompleteEvent(event: .failed(attempt)))
    }
}
