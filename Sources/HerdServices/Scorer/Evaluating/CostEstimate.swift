import HerdMessages
import HerdPolicy

/// What asking one question of one model probably costs, from prices and lengths.
///
/// A token is four bytes; for the bound, one byte, since no tokenizer makes more of a text, and 64 stand for the chat's
/// template. A round of refinement reads the prompt twice, the answer twice and the critique once, each time with about 150
/// tokens of wording (2,000 for the bound), and writes a critique and a rewrite as long as the answer. A judge reads the
/// question and both answers twice and writes 16 tokens each time (for the bound what it may). Models without a declared
/// price get the documented stand-in.
struct CostEstimate: Sendable {
    /// Where neither the model nor the request says how long answers are.
    static let undeclaredOutputTokens = 256
    /// How many times as long as declared an answer may be where money is limited and its length is not.
    static let mostTimesDeclared = 8
    private static let wordingTokens = 150.0
    private static let mostWordingTokens = 2_000.0
    private static let templateTokens = 64.0
    private static let verdictTokens = 16.0
    /// What a judge may write.
    static let mostVerdictTokens = Int(GenerationOptions.ofJudge.maxTokens)

    /// What is asked, in bytes and counts.
    struct Question: Sendable {
        var promptBytes: Int
        var referenceBytes: Int
        /// Of the answer that is there; nil where it is asked for too.
        var draftBytes: Int?
        /// Of refinement; nil = only the judge is asked, about answers that are there.
        var rounds: Int?
        /// How many answers a judge compares.
        var gradings: Int
    }

    let price: Price
    /// What an answer probably takes.
    let outputTokens: Int
    /// What an answer may take: at least, where that is all that money is left for, and at most.
    let allowedTokens: ClosedRange<Int>
    /// Of the model that judges; nil where none does.
    let judgePrice: Price?

    /// - Parameter maxTokens: what the request allows; 0 = no limit.
    init(_ model: EvaluatedModel, maxTokens: Int, judgePrice: Price?) {
        price = model.price ?? AssumedFacts.price
        let declared = model.outputTokens ?? Self.undeclaredOutputTokens
        outputTokens = maxTokens > 0 ? min(declared, maxTokens) : declared
        allowedTokens = maxTokens > 0 ? maxTokens...maxTokens : declared...(declared * Self.mostTimesDeclared)
        self.judgePrice = judgePrice
    }

    /// US dollars.
    ///
    /// - Parameter longest: what an answer may take, for what it may cost; nil = what it probably does.
    func cost(_ question: Question, longest: Int? = nil) -> Double {
        answering(question, longest: longest) + judging(question, longest: longest)
    }

    /// Of the model alone.
    func answering(_ question: Question, longest: Int? = nil) -> Double {
        guard let rounds = question.rounds else { return 0 }
        let isBound = longest != nil
        let prompt = Self.tokens(question.promptBytes, isBound)
        let wording = isBound ? Self.mostWordingTokens : Self.wordingTokens
        let output = Double(longest ?? outputTokens)
        var read = 0.0
        var written = 0.0
        if question.draftBytes == nil {
            read += prompt
            written += output
        }
        // A critique may be longer than the answers are to be.
        let critique = isBound ? max(output, Double(RefinementPlan.critiqueTokens)) : output
        // One that is there may be longer than others are allowed to be.
        let draft = isBound ? question.draftBytes.map { max(output, Self.tokens($0, true)) } ?? output : output
        read += Double(rounds) * (2 * (prompt + draft + wording) + critique)
        written += Double(rounds) * (critique + output)
        return (read * price.input + written * price.output) / 1_000_000
    }

    /// Of the judge alone.
    func judging(_ question: Question, longest: Int? = nil) -> Double {
        guard let judgePrice else { return 0 }
        let isBound = longest != nil
        var answer = Double(longest ?? outputTokens)
        if let bytes = question.draftBytes {
            answer = question.rounds == nil ? Self.tokens(bytes, isBound) : max(answer, Self.tokens(bytes, isBound))
        }
        let wording = isBound ? Self.mostWordingTokens : Self.wordingTokens
        let read =
            Self.tokens(question.promptBytes, isBound) + answer + Self.tokens(question.referenceBytes, isBound)
            + wording
        let verdict = isBound ? Double(Self.mostVerdictTokens) : Self.verdictTokens
        return Double(2 * question.gradings) * (read * judgePrice.input + verdict * judgePrice.output) / 1_000_000
    }

    private static func tokens(_ bytes: Int, _ isBound: Bool) -> Double {
        isBound ? Double(bytes) + templateTokens : Double((bytes + 3) / 4)
    }
}

/// What a question may cost, by how long its answers may be.
struct CostBound: Sendable {
    let estimate: CostEstimate
    let question: CostEstimate.Question

    /// US dollars without which it is not asked, and that it may take at most.
    var least: Double { estimate.cost(question, longest: estimate.allowedTokens.lowerBound) }
    var most: Double { estimate.cost(question, longest: estimate.allowedTokens.upperBound) }

    /// How long an answer may be for so many US dollars, at least the shortest that is allowed.
    func longest(paidBy amount: Double) -> Int {
        var (low, high) = (estimate.allowedTokens.lowerBound, estimate.allowedTokens.upperBound)
        while low < high {
            let middle = (low + high + 1) / 2
            if estimate.cost(question, longest: middle) <= amount { low = middle } else { high = middle - 1 }
        }
        return low
    }

    /// What is kept for the judge.
    func judging(longest: Int) -> Double { estimate.judging(question, longest: longest) }
}
