import HerdMessages
import HerdPolicy

/// What asking one question of one model probably costs, from prices and lengths.
///
/// A token is four bytes; for the bound, one byte, since no tokenizer makes more of a text, and 64 stand for the chat's
/// template. A round of refinement reads the prompt twice, the answer twice and the critique once, each time with about 150
/// tokens of wording (2,000 for the bound), and writes a critique and a rewrite as long as the answer. A judge reads the
/// question and both answers twice and writes 16 tokens each time (for the bound what it may). Models without a declared price get the documented stand-in.
struct CostEstimate: Sendable {
    /// Where neither the model nor the request says how long answers are.
    static let undeclaredOutputTokens = 256
    private static let wordingTokens = 150.0
    private static let mostWordingTokens = 2_000.0
    private static let templateTokens = 64.0
    private static let verdictTokens = 16.0
    /// What a judge may write.
    static let mostVerdictTokens = Int(GenerationOptions.ofJudge.maxTokens)

    var price: Price
    /// What an answer probably takes, and what it may take.
    var outputTokens: Int
    var mostOutputTokens: Int
    /// Of the model that judges; nil where none does.
    var judgePrice: Price?

    /// - Parameters:
    ///   - maxTokens: what the request allows; 0 = no limit, and the probable length is taken for the longest.
    init(_ model: EvaluatedModel, maxTokens: Int, judgePrice: Price?) {
        price = model.price ?? AssumedFacts.price
        let declared = model.outputTokens ?? Self.undeclaredOutputTokens
        outputTokens = maxTokens > 0 ? min(declared, maxTokens) : declared
        mostOutputTokens = maxTokens > 0 ? maxTokens : declared
        self.judgePrice = judgePrice
    }

    /// US dollars.
    ///
    /// - Parameters:
    ///   - hasDraft: the answer is there, and only rounds are asked for.
    ///   - rounds: of refinement; nil = only the judge is asked, about answers that are there.
    ///   - gradings: how many answers a judge compares.
    ///   - isBound: what it may cost rather than what it probably does.
    func cost(
        promptBytes: Int, referenceBytes: Int, hasDraft: Bool, rounds: Int?, gradings: Int, isBound: Bool = false
    ) -> Double {
        let prompt = Self.tokens(promptBytes, isBound)
        let wording = isBound ? Self.mostWordingTokens : Self.wordingTokens
        let output = Double(isBound ? mostOutputTokens : outputTokens)
        var read = 0.0
        var written = 0.0
        if let rounds {
            if !hasDraft {
                read += prompt
                written += output
            }
            // A critique may be longer than the answers are to be.
            let critique = isBound ? max(output, Double(RefinementPlan.critiqueTokens)) : output
            read += Double(rounds) * (2 * (prompt + output + wording) + critique)
            written += Double(rounds) * (critique + output)
        }
        var dollars = (read * price.input + written * price.output) / 1_000_000
        if let judgePrice {
            let judged = prompt + output + Self.tokens(referenceBytes, isBound) + wording
            let verdict = isBound ? Double(Self.mostVerdictTokens) : Self.verdictTokens
            dollars += Double(2 * gradings) * (judged * judgePrice.input + verdict * judgePrice.output) / 1_000_000
        }
        return dollars
    }

    private static func tokens(_ bytes: Int, _ isBound: Bool) -> Double {
        isBound ? Double(bytes) + templateTokens : Double((bytes + 3) / 4)
    }
}
