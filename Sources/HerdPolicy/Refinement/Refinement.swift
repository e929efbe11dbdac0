/// What one round of refinement is assumed to take where nothing was measured.
///
/// A round is two calls of the model: the critique reads instructions, prompt and draft and writes some sentences; the
/// rewrite reads all of that and writes an answer as long as the draft.
package enum Refinement {
    /// The most rounds that are ever chosen.
    package static let mostRounds = 5
    package static let callsPerRound = 2
    /// Tokens of the instructions of one call.
    package static let instructionTokens = 100
    /// Tokens of a critique.
    package static let critiqueTokens = 150

    /// Tokens that one round reads, `2 * (instructions + prompt + draft) + critique`, and writes, `critique + draft`.
    package static func tokens(promptTokens: Int, outputTokens: Int) -> (read: Int, written: Int) {
        (
            2 * (instructionTokens + promptTokens + outputTokens) + critiqueTokens,
            critiqueTokens + outputTokens
        )
    }

    /// Tokens of context that the longer of a round's calls takes: the rewrite reads instructions, prompt, draft and
    /// critique, and writes an answer as long as the draft.
    package static func longestCall(promptTokens: Int, outputTokens: Int) -> Int {
        instructionTokens + promptTokens + 2 * outputTokens + critiqueTokens
    }
}
