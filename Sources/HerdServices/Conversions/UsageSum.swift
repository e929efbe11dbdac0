import HerdMessages

extension Usage {
    /// Both together; estimated where either is.
    mutating func add(_ other: Usage) {
        func sum(_ left: UInt32, _ right: UInt32) -> UInt32 { UInt32(clamping: UInt64(left) + UInt64(right)) }
        promptTokens = sum(promptTokens, other.promptTokens)
        completionTokens = sum(completionTokens, other.completionTokens)
        cachedTokens = sum(cachedTokens, other.cachedTokens)
        estimated = estimated || other.estimated
        costUsd += other.costUsd
        costEstimated = costEstimated || other.costEstimated
    }

    /// Both together.
    static func + (first: Usage, second: Usage) -> Usage {
        var sum = first
        sum.add(second)
        return sum
    }
}
