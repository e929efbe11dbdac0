import HerdDatasets
package import HerdFrames
package import HerdMessages

/// A refinement that was asked for, checked.
package struct RefinementPlan: Sendable {
    package let input: RefinedInput
    /// Drafts.
    package let model: String
    /// Criticises and rewrites.
    package let refineModel: String
    package let rounds: Int
    /// Nil where the model drafts.
    package let givenDraft: String?
    package let options: GenerationOptions
    package let limits: RefinementLimits
    /// Nil where answers are not graded.
    let grader: AnswerGrader?
    /// What the grader compares with; empty for none.
    package let reference: String
    package let keepsWorse: Bool
    package let decisionID: String

    package static let mostRounds = 5
    /// The most bytes of one answer or critique: with each other they have to fit a frame.
    package static let longestText = 1 << 20

    /// - Throws: INVALID_ARGUMENT naming the field that is wrong and what is allowed.
    package init(_ request: RefinementRequest) throws(CallError) {
        input = try Self.input(request)
        try Check.name(request.model, field: "model")
        if !request.refineModel.isEmpty { try Check.name(request.refineModel, field: "refine_model") }
        guard request.rounds <= Self.mostRounds else {
            throw CallError(.invalidArgument, "rounds must be 0 to \(Self.mostRounds), not \(request.rounds)")
        }
        try Check.length(request.draft, field: "draft", atMost: Self.longestText)
        try Check.length(request.reference, field: "reference", atMost: Self.longestText)
        try Check.length(request.decisionId, field: "decision_id", atMost: 100)
        let options = request.options ?? GenerationOptions()
        guard options.tools.isEmpty, options.toolChoice.isEmpty else {
            throw CallError(
                .invalidArgument, "options.tools: what is refined is an answer in text; leave tools and tool_choice out"
            )
        }
        let limits = request.limits ?? RefinementLimits()
        try Check.amount(limits.maxCostUsd, field: "limits.max_cost_usd")
        guard limits.maxSeconds >= 0, limits.maxSeconds <= 86_400 else {
            throw CallError(
                .invalidArgument, "limits.max_seconds must be 0 (no limit) to 86400, not \(limits.maxSeconds)")
        }
        grader = try Self.grader(request, question: input.text)
        reference = request.reference
        model = request.model
        refineModel = request.refineModel.isEmpty ? request.model : request.refineModel
        rounds = Int(request.rounds)
        givenDraft = request.draft.isEmpty ? nil : request.draft
        self.options = options
        self.limits = limits
        keepsWorse = request.keepWorse
        decisionID = request.decisionId
    }

    private static func grader(_ request: RefinementRequest, question: String) throws(CallError) -> AnswerGrader? {
        guard let asked = request.grader else {
            guard request.reference.isEmpty else {
                throw CallError(.invalidArgument, "reference is what a grader compares with, and no grader is given")
            }
            return nil
        }
        let specification = try GraderSpecification(validating: asked, field: "grader")
        do throws(GraderError) {
            let grader = try AnswerGrader(specification)
            // A judge compares with the draft, and needs no reference for it.
            if !grader.needsJudge {
                try grader.check(references: request.reference.isEmpty ? [] : [request.reference], prompt: question)
            }
            return grader
        } catch {
            throw CallError(.invalidArgument, "grader: \(error.reason)")
        }
    }

    private static func input(_ request: RefinementRequest) throws(CallError) -> RefinedInput {
        switch (request.prompt.isEmpty, request.messages.isEmpty) {
        case (true, true):
            throw CallError(.invalidArgument, "prompt and messages are both empty; give exactly one of them")
        case (false, false):
            throw CallError(.invalidArgument, "prompt and messages are both given; give exactly one of them")
        case (false, true):
            guard !isBlank(request.prompt) else { throw blank("prompt") }
            return RefinedInput(prompt: request.prompt)
        case (true, false):
            try PromptText.check(request.messages)
            let said = request.messages.filter { $0.role == "user" }.flatMap(\.content)
            let isSomething = said.contains { part in
                switch part.part {
                case .text(let text)?: !isBlank(text)
                case .imageUrl?: true
                case nil: false
                }
            }
            guard isSomething else { throw blank("messages") }
            return RefinedInput(messages: request.messages)
        }
    }

    private static func isBlank(_ text: String) -> Bool { text.unicodeScalars.allSatisfy(\.properties.isWhitespace) }

    private static func blank(_ field: String) -> CallError {
        CallError(.invalidArgument, "\(field) holds nothing; write what is to be answered")
    }

    /// The fewest tokens that a critique may have, however short the answers are to be.
    package static let critiqueTokens: UInt32 = 512

    /// What a step sends along: what concerns the form and length of an answer is not for critiques.
    func options(of step: RefinementStepKind) -> GenerationOptions {
        var options = options
        if step == .critique {
            if options.maxTokens > 0 { options.maxTokens = max(options.maxTokens, Self.critiqueTokens) }
            options.responseFormat = nil
            options.stop = []
        }
        return options
    }
}

/// What a refinement is made of.
package enum RefinementStepKind: String, Sendable {
    case draft, critique, rewrite
}

/// Why a refinement ended, as its result says.
package enum RefinementEnd: String, Sendable {
    case rounds
    case nothingFound = "critique found nothing"
    case noChange = "no change"
    case cutOff = "cut off"
    case tokens, cost, time, error
}
