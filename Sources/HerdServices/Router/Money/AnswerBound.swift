import HerdBackends
import HerdFrames
import HerdJSON
import HerdMessages

/// What one answer of a model may cost at most, where its caller's money is limited.
///
/// A byte is at most one token of any tokenizer; besides the bytes, 64 tokens stand for the chat's template, 16 for each
/// message and tool, and 5,000 for an image. Where the request does not say how long the answer may be, it may be as long
/// as is paid for, at least what the model declares (256 tokens if it does not) and at most eight times that, as far as the
/// model's context has room.
struct AnswerBound {
    private let price: GenerationPrice
    /// Tokens, at most.
    private let prompt: Int
    /// Tokens.
    private let answer: ClosedRange<Int>

    private static let template = 64
    private static let perMessage = 16
    private static let perImage = 5_000

    init(_ model: Model, _ request: ChatRequest, price: GenerationPrice) {
        self.price = price
        var prompt = request.promptBytes + request.extraJSON.count + Self.template
        prompt += Self.perMessage * (request.messages.count + request.tools.count)
        for message in request.messages {
            let images = message.parts.count { if case .imageURL = $0 { true } else { false } }
            prompt += max(0, Self.perImage - ChatRequest.imageBytes) * images
        }
        self.prompt = prompt
        if let longest = request.maxTokens {
            answer = longest...longest
        } else {
            let declared =
                model.outputTokens > 0
                ? Int(min(model.outputTokens.rounded(.up), 1_000_000)) : CostEstimate.undeclaredOutputTokens
            // Servers refuse what does not fit into the context beside the prompt: some four bytes are a token. Where less
            // seems to be left than the model declares, the server knows better.
            let room = model.context > 0 ? Int(model.context) - request.promptBytes / 4 - Self.template : Int.max
            answer = declared...max(declared, min(declared * CostEstimate.mostTimesDeclared, room))
        }
    }

    /// Billionths of a US dollar without which the model is not asked, and that the answer may take.
    var least: UInt64 { price.most(prompt: prompt, completion: answer.lowerBound) }
    var most: UInt64 { price.most(prompt: prompt, completion: answer.upperBound) }

    /// How many tokens an answer may have for so much, at least the shortest that is allowed.
    func longest(paidBy amount: UInt64) -> Int {
        var (low, high) = (answer.lowerBound, answer.upperBound)
        while low < high {
            let middle = (low + high + 1) / 2
            if price.most(prompt: prompt, completion: middle) <= amount { low = middle } else { high = middle - 1 }
        }
        return low
    }

    /// What servers take for the length and the number of answers, and for more prompt.
    private static let refused: Set<String> = [
        "max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens", "n_predict", "num_predict", "n",
        "best_of", "num_return_sequences", "n_choices", "max_length", "min_tokens", "prompt", "input", "inputs",
        "options", "generation_config", "extra_body", "tools", "functions", "service_tier", "models", "route",
        "provider", "plugins", "transforms", "web_search_options", "modalities", "audio", "prediction",
    ]

    /// - Throws: INVALID_ARGUMENT where the request could make the answer cost more behind Herd's back.
    static func check(_ extra: [UInt8]) throws(CallError) {
        guard !extra.isEmpty else { return }
        let node: JSONNode
        do throws(JSONCursor.Failure) {
            node = try JSONNode(reading: extra, name: "options.extra_json")
        } catch {
            throw CallError(.invalidArgument, "\(error)")
        }
        guard case .object(let members) = node else { return }
        guard let member = members.first(where: { refused.contains($0.key.lowercased()) }) else { return }
        throw CallError(
            .invalidArgument,
            "options.extra_json has '\(member.key)', which could make answers cost more than is set aside for them, and "
                + "this token's money is limited; use the fields of options, such as max_tokens")
    }
}
