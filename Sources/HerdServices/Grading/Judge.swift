package import HerdFrames
package import HerdMessages

/// What models are asked for when they judge.
package struct JudgePrompt: Sendable {
    private let template: PromptTemplate

    /// Reads `judge.txt`, with the places `{{question}}`, `{{first}}`, `{{second}}` and `{{criteria}}`.
    ///
    /// - Throws: `ConfigurationError` naming the file.
    package init(folder: String) throws(ConfigurationError) {
        let path = "\(folder)/judge.txt"
        template = try PromptTemplate(path: path, places: ["question", "first", "second", "criteria"])
        guard template.wording.contains(JudgeVerdict.mark) else {
            throw ConfigurationError(
                "the prompt file '\(path)' does not ask for a line '\(JudgeVerdict.mark) ...', which the verdict is read "
                    + "from; add that")
        }
    }

    func text(question: String, first: String, second: String, criteria: String) -> String {
        template.text([
            "question": question, "first": first, "second": second,
            "criteria": criteria.isEmpty ? Self.generalQuality : criteria,
        ])
    }

    private static let generalQuality = "how correct, complete and helpful the answer is."
}

/// Which of two answers a judge prefers.
package enum JudgeVerdict: Sendable, Equatable {
    case first, second, tie

    static let mark = "VERDICT:"

    /// Reads a judge's reply: its last line with a verdict, or a reply that is a verdict and nothing else. Nil where it says
    /// nothing of the kind.
    package init?(reply: String) {
        let lines = reply.split(whereSeparator: \.isNewline).map { $0.uppercased() }
        var found: JudgeVerdict?
        for line in lines {
            guard let mark = Self.rest(of: line, after: Self.mark) else { continue }
            found = Self.named(mark)
        }
        guard let verdict = found ?? Self.named(reply.uppercased()) else { return nil }
        self = verdict
    }

    private static func rest(of line: String, after mark: String) -> String? {
        var rest = line[...]
        while !rest.isEmpty {
            if rest.hasPrefix(mark) { return String(rest.dropFirst(mark.count)) }
            rest.removeFirst()
        }
        return nil
    }

    private static func named(_ text: String) -> JudgeVerdict? {
        let words = text.split { !($0.isLetter || $0.isNumber) }.filter { $0 != "ANSWER" && $0 != "VERDICT" }
        guard words.count == 1 else { return nil }
        return switch words[0] {
        case "1": .first
        case "2": .second
        case "TIE": .tie
        default: nil
        }
    }
}

/// What a judge's two replies come to.
package struct Judgement: Sendable, Equatable {
    /// 1: both times the answer; 0: both times the other one; 0.5: ties, and where the order decided.
    package var score: Double
    /// Of both calls.
    package var usage: Usage
}

/// Why there is no judgement, and what was paid for it all the same.
package struct JudgementFailure: Error {
    package var error: CallError
    package var usage: Usage

    package init(_ error: CallError, usage: Usage) {
        self.error = error
        self.usage = usage
    }
}

/// Has a model compare an answer with another one, twice, with their places exchanged, since judges prefer a place
/// (Zheng et al. 2023, arXiv 2306.05685).
package struct Judge: Sendable {
    /// Runs a model; gives its whole reply. May throw a `JudgementFailure` with what a call that failed cost.
    package typealias Generate =
        @Sendable (_ model: String, _ prompt: String) async throws -> (text: String, usage: Usage)

    private let prompt: JudgePrompt
    private let generate: Generate

    package init(prompt: JudgePrompt, generate: @escaping Generate) {
        self.prompt = prompt
        self.generate = generate
    }

    /// - Throws: what `generate` throws; FAILED_PRECONDITION for a judge that gives no verdict. With what was paid for.
    package func compare(
        _ answer: String, with other: String, question: String, criteria: String, model: String
    ) async throws(JudgementFailure) -> Judgement {
        var usage = Usage()
        let forth = try await verdict(
            on: prompt.text(question: question, first: answer, second: other, criteria: criteria), model, &usage)
        let back = try await verdict(
            on: prompt.text(question: question, first: other, second: answer, criteria: criteria), model, &usage)
        let score =
            switch (forth, back) {
            case (.first, .second): 1.0
            case (.second, .first): 0.0
            default: 0.5
            }
        return Judgement(score: score, usage: usage)
    }

    private func verdict(
        on prompt: String, _ model: String, _ usage: inout Usage
    ) async throws(JudgementFailure) -> JudgeVerdict {
        let reply: (text: String, usage: Usage)
        do {
            reply = try await generate(model, prompt)
        } catch let failure as JudgementFailure {
            throw JudgementFailure(failure.error, usage: usage + failure.usage)
        } catch {
            throw JudgementFailure(CallError(handlerError: error), usage: usage)
        }
        usage = usage + reply.usage
        if let verdict = JudgeVerdict(reply: reply.text) { return verdict }
        throw JudgementFailure(
            CallError(
                .failedPrecondition,
                "the judge '\(model)' gave no verdict but '\(reply.text.prefix(80))'; take a model that keeps to "
                    + "judge.txt's form"), usage: usage)
    }
}

extension GenerationOptions {
    /// Of every call of a judge: it says one line, the same one each time; some models think aloud before it.
    package static let ofJudge = GenerationOptions(samplingTemperature: .temperature(0), maxTokens: 512)
}
