import HerdBackends
import HerdFrames
import HerdMessages

/// A piece of an answer, as it is passed on.
enum AnswerPiece: Sendable {
    case text(String)
    case reasoning(String)
    case toolCall(ToolCallDelta)
}

/// How the run of one model ended.
struct ModelRun {
    enum Failure {
        /// The model gave no answer, or not all of it.
        case backend(BackendFailure)
        /// The caller took no more of it.
        case caller(CallError)
        /// The model was not asked, because the caller's money does not suffice for it.
        case unpaid(CallError)
    }

    /// Its attempts are those of this model.
    var finish: GenerationFinish
    /// Nil where the answer is whole.
    var failure: Failure?
    /// Whether anything was passed on.
    var hasOutput: Bool
    /// How many servers were at work when their time was over.
    var givenUp = 0

    /// Whether the caller took it back, or has run out of time.
    var isEndedByCaller: Bool {
        switch failure {
        case .backend(let failure): failure.code == .cancelled || failure.code == .deadlineExceeded
        case .caller: true
        case .unpaid, nil: false
        }
    }
}

extension [AnswerPiece] {
    /// What a batch of events says to the caller: pieces of text that came together are one.
    init(_ events: [ChatEvent]) {
        self = []
        for event in events {
            switch event {
            case .text(let text) where !text.isEmpty:
                if case .text(var whole)? = last {
                    // Held by nobody else, it grows in place.
                    removeLast()
                    whole += text
                    append(.text(whole))
                } else {
                    append(.text(text))
                }
            case .reasoning(let text) where !text.isEmpty:
                if case .reasoning(var whole)? = last {
                    removeLast()
                    whole += text
                    append(.reasoning(whole))
                } else {
                    append(.reasoning(text))
                }
            case .toolCall(let delta):
                append(
                    .toolCall(
                        ToolCallDelta(
                            index: UInt32(clamping: delta.index), id: delta.id ?? "", name: delta.name ?? "",
                            arguments: delta.arguments)))
            case .role, .text, .reasoning, .finish, .usage: break
            }
        }
    }
}

extension [Attempt] {
    /// - Parameters:
    ///   - failure: why the last of them failed; nil where it answered.
    init(_ attempts: [ChatAttempt], model: String, failure: BackendFailure?) {
        self = attempts.enumerated().map { index, attempt in
            let isLast = index == attempts.count - 1
            guard let kind = attempt.failure else {
                return Attempt(model: model, endpoint: attempt.endpoint, seconds: attempt.seconds)
            }
            let own = isLast ? failure : nil
            return Attempt(
                model: model, endpoint: attempt.endpoint,
                code: own?.code.rawValue ?? BackendFailure.meaning(of: kind).0.rawValue,
                error: own?.message ?? (attempt.message.isEmpty ? kind.label : attempt.message),
                seconds: attempt.seconds)
        }
    }
}
