import HerdMessages
import HerdStore

/// What the stored answers of a model took, without refinement and with it.
struct MeasuredSeconds {
    private struct Sum {
        var count = 0
        var seconds = 0.0
    }

    private var draft = Sum()
    /// Of all rounds up to this one, without the answer before them, over the answers that have it.
    private var rounds: [Sum] = []

    /// By model.
    static func read(_ store: StoreEnvironment) throws -> [String: MeasuredSeconds] {
        var models: [String: MeasuredSeconds] = [:]
        try EvaluationSummaries.forEach(suite: nil, in: store) { answer in
            models[answer.model, default: MeasuredSeconds()].add(answer.seconds)
        }
        return models
    }

    /// - Parameter seconds: of the draft, then of each round alone.
    mutating func add(_ seconds: [Double]) {
        guard let first = seconds.first, first > 0 else { return }
        draft.count += 1
        draft.seconds += first
        var sum = 0.0
        for (place, seconds) in seconds.dropFirst().enumerated() {
            sum += seconds
            if rounds.count <= place { rounds.append(Sum()) }
            rounds[place].count += 1
            rounds[place].seconds += sum
        }
    }

    /// Mean seconds of an answer and so many rounds; nil where they were not measured.
    func mean(after round: Int) -> Double? {
        guard draft.count > 0 else { return nil }
        let mean = draft.seconds / Double(draft.count)
        guard round > 0 else { return mean }
        guard rounds.indices.contains(round - 1) else { return nil }
        return mean + rounds[round - 1].seconds / Double(rounds[round - 1].count)
    }
}
