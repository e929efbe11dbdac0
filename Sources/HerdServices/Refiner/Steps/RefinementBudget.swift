import HerdMessages

/// How a refinement's answers are graded.
package enum RefinementGrading: Sendable {
    case none
    /// By comparing with a reference, which takes nothing.
    case reference
    /// By a model, which takes two calls for each rewrite.
    case judge
}

/// What a refinement has taken of its limits on tokens and money, and what fits into the rest.
///
/// Each step is held against what is known before it: a price is taken to be the dearest one's so far.
struct RefinementBudget: Sendable {
    enum Kind: Sendable {
        case step
        /// Both replies of a judge.
        case judgement
    }

    private let limits: RefinementLimits
    private var tokens: UInt64 = 0
    private var cost = 0.0
    private var dearestStep = 0.0
    private var dearestJudgement: Double?

    /// The shortest reply of a judge that is worth asking for.
    static let fewestReplyTokens: UInt32 = 64
    /// Of a judge's prompt, without the answers.
    static let judgePromptBytes = 1_200

    init(_ limits: RefinementLimits) {
        self.limits = limits
    }

    mutating func count(_ call: Usage, of kind: Kind) {
        tokens += UInt64(call.promptTokens) + UInt64(call.completionTokens)
        cost += call.costUsd
        switch kind {
        case .step: dearestStep = max(dearestStep, call.costUsd)
        case .judgement:
            // One that was not asked is no price.
            if call.promptTokens > 0 || call.costUsd > 0 {
                dearestJudgement = max(dearestJudgement ?? 0, call.costUsd)
            }
        }
    }

    /// Whether these calls would pass the limit on money. Before the first one that costs something nothing is known.
    func costPasses(steps: Int, judgements: Int) -> Bool {
        guard limits.maxCostUsd > 0, cost > 0 else { return false }
        // A judge that has not been paid yet is taken for as dear as the models.
        let judgement = dearestJudgement ?? 2 * dearestStep
        return cost + Double(steps) * dearestStep + Double(judgements) * judgement >= limits.maxCostUsd
    }

    /// Tokens that a step may write after a prompt of so many bytes; nil without a limit.
    func tokensLeft(afterBytes bytes: Int, reserving reserved: UInt64) -> UInt32? {
        guard limits.maxTokens > 0 else { return nil }
        let spent = tokens + Self.tokens(ofBytes: bytes) + reserved
        return spent < limits.maxTokens ? UInt32(clamping: limits.maxTokens - spent) : 0
    }

    /// Tokens that each of a judge's two replies may have to prompts of so many bytes; nil without a limit.
    func replyTokens(ofJudgement bytes: Int) -> UInt32? {
        tokensLeft(afterBytes: 2 * bytes, reserving: 0).map { $0 / 2 }
    }

    /// Tokens that a judgement takes at least, with prompts of so many bytes.
    static func judgementTokens(_ bytes: Int) -> UInt64 {
        2 * (tokens(ofBytes: bytes) + UInt64(fewestReplyTokens))
    }

    /// Of a call that was stopped before it told, at the mean price of the tokens so far.
    func estimate(readBytes: Int, writtenBytes: Int) -> Usage {
        let (read, written) = (Self.tokens(ofBytes: readBytes), Self.tokens(ofBytes: writtenBytes))
        let price = tokens > 0 ? cost / Double(tokens) : 0
        return Usage(
            promptTokens: UInt32(clamping: read), completionTokens: UInt32(clamping: written), estimated: true,
            costUsd: price * Double(read + written), costEstimated: true)
    }

    /// About four bytes of text make a token.
    private static func tokens(ofBytes bytes: Int) -> UInt64 { UInt64(bytes + 3) / 4 }
}
