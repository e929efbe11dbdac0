/// A model as it goes into a ranking.
package struct CandidateInput: Sendable {
    package var model: ModelProfile
    /// Predicted score 0..1; nil where the predictor has not seen the model.
    package var quality: Double?
    /// US dollars expected from measured costs, where there are any.
    package var measuredCost: Double?
    /// Points that 1, 2, ... rounds of refinement are expected to add to the quality; the first NaN ends what was measured.
    package var gains: ArraySlice<Float>
    /// US dollars expected of 1, 2, ... rounds together from measured costs; NaN where there are none; may be empty.
    package var roundCosts: ArraySlice<Float>

    package init(
        model: ModelProfile, quality: Double?, measuredCost: Double? = nil, gains: ArraySlice<Float> = [],
        roundCosts: ArraySlice<Float> = []
    ) {
        self.model = model
        self.quality = quality
        self.measuredCost = measuredCost
        self.gains = gains
        self.roundCosts = roundCosts
    }

    /// What so many rounds, at least one, add to the quality, which stays in 0..1; nil where not measured.
    func gain(ofRounds rounds: Int) -> Double? {
        guard let quality, rounds <= gains.count else { return nil }
        let gain = Double(gains[gains.startIndex + rounds - 1])
        if gain.isNaN { return nil }
        let refined = quality + gain
        return refined > 1 ? 1 - quality : refined < 0 ? -quality : gain
    }

    func cost(ofRounds rounds: Int) -> Double? {
        rounds <= roundCosts.count ? Double(roundCosts[roundCosts.startIndex + rounds - 1]) : nil
    }
}
