import HerdBackends
import HerdFrames
import HerdMessages
import HerdServer

extension RouterService {
    /// Runs one named model. Once it was asked, `finish` comes before the status, with the reason "error" where it failed.
    func generate(
        _ request: GenerateRequest, _ context: CallContext,
        send: (GenerateEvent) async throws(CallError) -> Void
    ) async throws(CallError) {
        guard let model = view.current.registry.model(named: request.model) else {
            throw HerdRegistry.models.missing(request.model)
        }
        guard !model.endpoints.isEmpty else {
            throw CallError(
                .failedPrecondition,
                "model '\(model.name)' has no endpoint; add one with herdctl model add \(model.name) --endpoint URL")
        }
        var chat = try ChatRequest(prompt: request.prompt, messages: request.messages, options: request.options)
        chat.trace = ChatTrace(context)
        if !context.tenant.isEmpty { try Check.name(context.tenant, field: "the metadata 'tenant'") }
        let payer = Payer(context)
        let run = await runner.run(model, chat, of: payer, deadline: context.deadline) { piece throws(CallError) in
            switch piece {
            case .text(let text): try await send(GenerateEvent(event: .delta(text)))
            case .reasoning(let text): try await send(GenerateEvent(event: .reasoning(text)))
            case .toolCall(let delta): try await send(GenerateEvent(event: .toolCall(delta)))
            }
        }
        switch run.failure {
        case .caller(let error), .unpaid(let error): throw error
        case .backend(let failure):
            try await send(GenerateEvent(event: .finish(run.finish)))
            throw failure.callError(run.hasOutput ? AnswerText.whatWasSentStands : "")
        case nil: try await send(GenerateEvent(event: .finish(run.finish)))
        }
    }
}

extension ChatTrace {
    /// Of a request to a model that is made for a call.
    init?(_ context: CallContext) {
        self.init(parent: context.trace.context.traceparent, state: context.trace.state)
    }
}

enum AnswerText {
    static let whatWasSentStands = "What was sent before stands."
    /// What one delta carries at most of a text that is there as a whole.
    private static let pieceBytes = 256 << 10

    /// The text in pieces that fit into frames.
    static func pieces(of text: String) -> [String] {
        guard text.utf8.count > pieceBytes else { return text.isEmpty ? [] : [text] }
        var pieces: [String] = []
        var rest = text[...]
        while !rest.isEmpty {
            var piece = String.UnicodeScalarView()
            var bytes = 0
            for scalar in rest.unicodeScalars {
                guard bytes < pieceBytes else { break }
                piece.append(scalar)
                bytes += UTF8.width(scalar)
            }
            rest = rest[rest.unicodeScalars.index(rest.startIndex, offsetBy: piece.count)...]
            pieces.append(String(piece))
        }
        return pieces
    }
}
