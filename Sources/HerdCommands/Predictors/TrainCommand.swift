package import ArgumentParser
package import HerdClient
import HerdFrames
import HerdMessages

package struct TrainCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Train a predictor on the imported evaluations.",
        discussion: """
            Settings are chosen by cross-validation; the same evaluations and seed give the same version. A new version
            is used only once it is promoted.

            EXAMPLES
              herdctl train --promote
              herdctl train --model mistral-7b --model llama-3-8b --seed 7
            """)

    @Option(help: "Seed of the cross-validation's folds.")
    var seed: UInt64 = 1
    @Option(name: .customLong("model"), help: "Only this model; may be repeated. All with scores if not given.")
    var models: [String] = []
    @Option(name: .customLong("task"), help: "Only this task; may be repeated. All if not given.")
    var tasks: [String] = []
    @Flag(help: "Put the new version in force.")
    var promote = false
    @Option(help: "A remark to keep with the version.")
    var note: String?
    @OptionGroup package var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func run(with client: HerdClient) async throws {
        let request = TrainRequest(
            seed: seed, models: models, tasks: tasks, promote: promote, note: note ?? "")
        var trained: PredictorSummary?
        do {
            var progress = ProgressLine()
            let events = client.stream(HerdMessages.Scorer.train, request, timeout: connection.streamTimeout)
            for try await event in events {
                switch event.event {
                case .progress(let step)?:
                    progress.update(step.phase, done: Int(clamping: step.done), total: Int(clamping: step.total))
                case .trained(let summary)?: trained = summary
                case nil: break
                }
            }
            progress.finish()
        }
        guard let trained else { throw CallError(.internal, "training ended without a result; see the scorer's log") }
        try output.print(trained) {
            let state = trained.inForce ? "in force" : "not in force (herdctl predictor promote \(trained.version))"
            let seconds = NumberFormat.decimals(trained.trainingSeconds, 1)
            return "\(trained.version): \(trained.rows) rows, \(trained.models.count) models, "
                + "\(trained.topics.count) topics, \(seconds) s, \(state)\n"
        }
    }
}
