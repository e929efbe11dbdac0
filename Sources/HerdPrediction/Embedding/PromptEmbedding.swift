/// What a prompt looks like to a predictor.
package struct PromptEmbedding: Sendable, Equatable {
    /// The L2-normalised mean over the first 512 tokens, 256 long; zeros where there is no token.
    package var whole: [Float]
    /// The same over the last 64 tokens of the text, which for a long text lie past those of `whole`.
    package var tail: [Float]
    /// How many tokens `whole` counts: at most 512.
    package var tokenCount: Int
    /// The tokens of the whole text: exact up to 512, past it `tokenCount` scaled by bytes.
    package var estimatedTokens: Int

    package init(whole: [Float], tail: [Float], tokenCount: Int, estimatedTokens: Int) {
        self.whole = whole
        self.tail = tail
        self.tokenCount = tokenCount
        self.estimatedTokens = estimatedTokens
    }
}
