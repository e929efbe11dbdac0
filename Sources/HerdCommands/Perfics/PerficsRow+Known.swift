import HerdMessages

/// What is known of a row; nil where nothing is, which is not 0.
extension PerficsRow {
    var knownMemoryGB: Double? {
        if case .memoryGb(let value)? = memory { value } else { nil }
    }

    /// Seconds of an answer.
    var knownLatency: Double? {
        if case .latencySeconds(let value)? = latency { value } else { nil }
    }

    /// Seconds of an answer and its rounds of refinement.
    var knownRefinedLatency: Double? {
        if case .refinedLatencySeconds(let value)? = refinedLatency { value } else { nil }
    }

    /// US dollars of an answer.
    var knownCost: Double? {
        if case .costUsd(let value)? = answerCost { value } else { nil }
    }

    /// US dollars of an answer and its rounds of refinement.
    var knownRefinedCost: Double? {
        if case .refinedCostUsd(let value)? = refinedCost { value } else { nil }
    }

    var knownRefinedScore: Double? {
        if case .refinedScore(let value)? = refined { value } else { nil }
    }
}
