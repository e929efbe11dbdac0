package import HerdDatasets
import HerdPrediction

/// Evaluations that are made up, with refinement that is known to help or to harm.
///
/// Every prompt is of one topic and made of its words. A draft is right with a probability of its model and topic; every
/// round turns some wrong answers right and some right ones wrong, as refinement does in earnest, so that the planted gain
/// has to be told from the churn.
package struct PlantedGains: Sendable {
    /// What one model does in one topic.
    package struct Skill: Sendable {
        /// Probability that the draft is right.
        package var score: Double
        /// What the first round adds to it; every further one adds half as much as the one before.
        package var gain: Double

        package init(_ score: Double, _ gain: Double) {
            self.score = score
            self.gain = gain
        }
    }

    package var rows = 600
    package var seed: UInt64 = 1
    package var rounds = 2
    /// Share of the answers that a round without gain turns from wrong to right, and as many the other way.
    package var churn = 0.05
    /// Skills by topic, in the order of `topics`, then by model, in the order of `models`.
    package var skills: [[Skill]]
    package var models: [String]

    /// Gains of both signs for every model; the model best without refinement is not always the best with it.
    package init(rows: Int = 600, seed: UInt64 = 1) {
        self.rows = rows
        self.seed = seed
        models = ["alder", "birch", "cedar"]
        skills = [
            [Skill(0.50, 0.25), Skill(0.55, -0.20), Skill(0.45, 0.05)],
            [Skill(0.70, -0.25), Skill(0.45, 0.10), Skill(0.55, 0.05)],
            [Skill(0.40, -0.10), Skill(0.60, 0.20), Skill(0.65, -0.15)],
            [Skill(0.45, 0.05), Skill(0.40, -0.10), Skill(0.55, 0.25)],
        ]
    }

    /// Specialists that refinement harms a little (FACTS: 0.903 without, 0.887 with it).
    package static func harmful(rows: Int = 600, seed: UInt64 = 1) -> PlantedGains {
        var planted = PlantedGains(rows: rows, seed: seed)
        planted.models = ["alder", "birch", "cedar", "dogwood"]
        planted.churn = 0.004
        planted.rounds = 3
        planted.skills = (0..<4).map { topic in
            (0..<4).map { $0 == topic ? Skill(0.903, -0.016) : Skill(0.02, -0.005) }
        }
        return planted
    }

    package static let topics = ["poetry", "algebra", "history", "baking"]
    private static let words = [
        ["verse", "rhyme", "sonnet", "stanza", "haiku", "ballad", "metaphor", "lyric"],
        ["equation", "polynomial", "matrix", "factor", "quadratic", "variable", "solve", "integer"],
        ["empire", "treaty", "revolution", "king", "war", "century", "dynasty", "parliament"],
        ["flour", "oven", "dough", "yeast", "cake", "butter", "sugar", "recipe"],
    ]
    private static let fillers = ["please", "tell", "me", "about", "the", "first", "another", "with", "a", "good"]

    /// - Parameter costs: whether answers and rounds have measured costs, a cent each.
    package func make(costs: Bool = false) -> [EvaluationRow] {
        var generator = SeededGenerator(seed: seed)
        func uniform() -> Double { Double(generator.next() >> 11) * 0x1p-53 }
        return (0..<rows).map { index in
            let topic = index % skills.count
            var words = (0..<4).map { _ in Self.words[topic][generator.below(8)] }
            words += (0..<4).map { _ in Self.fillers[generator.below(10)] }
            var row = EvaluationRow(
                id: "planted-\(index)", prompt: words.joined(separator: " ") + " \(index)", task: Self.topics[topic],
                scores: [:])
            for (model, skill) in zip(models, skills[topic]) {
                var isRight = uniform() < skill.score
                row.scores[model] = isRight ? 1 : 0
                var probability = skill.score
                var gain = skill.gain
                var refined: [Double] = []
                for _ in 0..<rounds {
                    let toRight = churn + max(0, gain)
                    let toWrong = churn + max(0, -gain)
                    let draw = uniform()
                    if isRight, draw < toWrong / max(probability, 0.01) {
                        isRight = false
                    } else if !isRight, draw < toRight / max(1 - probability, 0.01) {
                        isRight = true
                    }
                    refined.append(isRight ? 1 : 0)
                    probability = min(0.98, max(0.02, probability + gain))
                    gain /= 2
                }
                row.refined[model] = refined
                if costs {
                    row.costs[model] = 0.01
                    row.refinedCosts[model] = [Double](repeating: 0.01, count: rounds)
                }
            }
            return row
        }
    }

    /// The rows as lines of an evaluation file.
    package static func lines(_ rows: [EvaluationRow]) -> String {
        func object(_ values: [String: String]) -> String {
            "{" + values.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ") + "}"
        }
        func list(_ values: [Double]) -> String { "[" + values.map { "\($0)" }.joined(separator: ", ") + "]" }
        return rows.map { row in
            var fields = [
                "id": "\"\(row.id)\"", "prompt": "\"\(row.prompt)\"", "task": "\"\(row.task)\"",
                "scores": object(row.scores.mapValues { "\($0)" }), "refined": object(row.refined.mapValues(list)),
            ]
            if !row.costs.isEmpty {
                fields["costs"] = object(row.costs.mapValues { "\($0)" })
                fields["refined_costs"] = object(row.refinedCosts.mapValues(list))
            }
            return object(fields) + "\n"
        }.joined()
    }
}
