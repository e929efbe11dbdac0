package import ArgumentParser
package import HerdClient
import HerdMessages
package import HerdPolicy
import HerdReflection

package struct PerficsCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "perfics", abstract: "Rank models by performance, refinement gain and inference cost together.",
        discussion: """
            For a task and over all: score = a*P + b*dR + g*B - d*I, each term scaled to 0..1 over those that
            have them all.
              P   mean score                         dR  what refinement adds to it (--round, else the best round)
              B   mean score in the other tasks      I   half log memory, half log latency
            Weights (a, b, g, d):
            \(PerficsWeightSet.Preset.allCases.map(Self.line).joined(separator: "\n"))
            The table shows what each term is and the points it gives. A model of which a term is not known is not
            ranked, shifts no other's score, and the table says what is missing. The ingredients are those of arXiv 2310.07611; the formula is
            Herd's own.

            EXAMPLES
              herdctl perfics
              herdctl perfics --task math --preset enterprise --svg math.svg
              herdctl perfics --weights 0.5,0,0,0.5 --model qwen-7b --model llama-8b --json
            """)

    enum Picture: String, ExpressibleByArgument, CaseIterable {
        case scatter, bar
    }

    @Option(help: "Only this task; every task and over all if not given.")
    var task: String?
    @Option(help: "\(PerficsWeightSet.Preset.allCases.map(\.rawValue).joined(separator: ", ")); personal if not given.")
    var preset: String?
    @Option(help: ArgumentHelp("In place of a preset: of performance, gain, breadth and cost.", valueName: "a,b,g,d"))
    var weights: String?
    @Option(name: .customLong("model"), help: "Only this model; may be repeated. All with evaluations if not given.")
    var models: [String] = []
    @Option(help: "The round of refinement that counts; each model's best if not given.")
    var round: UInt32 = 0
    @Option(help: ArgumentHelp("Also draw a picture of the task, or of all, into this file.", valueName: "file"))
    var svg: String?
    @Option(help: "scatter: quality against cost, before and after refinement. bar: the points of each term.")
    var svgKind = Picture.scatter
    @OptionGroup package var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func validate() throws {
        guard weights == nil || preset == nil else { throw ValidationError("give --preset or --weights, not both") }
        if let weights, Self.parse(weights) == nil {
            throw ValidationError("--weights must be four numbers of 0 or more, not all 0: 0.35,0.2,0.1,0.35")
        }
    }

    package func run(with client: HerdClient) async throws {
        var request = PerficsRequest(task: task ?? "", models: models, preset: preset ?? "", round: round)
        if let weights = weights.flatMap(Self.parse) {
            request.weights = PerficsWeights(
                performance: weights.performance, gain: weights.gain, breadth: weights.breadth, cost: weights.cost)
        }
        let reply = try await client.call(HerdMessages.Scorer.perfics, request)
        if let svg {
            let title = "PeRFICS of \(task ?? "all tasks")" + (reply.preset.isEmpty ? "" : ", \(reply.preset)")
            let picture =
                switch svgKind {
                case .scatter: PerficsScatter(reply.rows, title: title).svg
                case .bar: PerficsBars(reply.rows, title: title).svg
                }
            try OutputFile.write(picture, to: svg)
        }
        try output.print(reply) { PerficsText.text(reply, task: task) }
    }

    package static func parse(_ text: String) -> PerficsWeightSet? {
        let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
        guard numbers.count == 4, let a = numbers[0], let b = numbers[1], let g = numbers[2], let d = numbers[3] else {
            return nil
        }
        let weights = PerficsWeightSet(performance: a, gain: b, breadth: g, cost: d)
        return weights.isUsable ? weights : nil
    }

    private static func line(_ preset: PerficsWeightSet.Preset) -> String {
        let weights = preset.weights
        let numbers = [weights.performance, weights.gain, weights.breadth, weights.cost]
        let name = preset.rawValue + String(repeating: " ", count: max(0, 12 - preset.rawValue.count))
        return "  \(name)\(numbers.map { NumberFormat.decimals($0, 2) }.joined(separator: ", "))"
    }
}
