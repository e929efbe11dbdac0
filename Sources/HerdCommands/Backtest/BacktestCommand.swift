package import ArgumentParser
import HerdDatasets
import HerdPrediction

/// `herdctl backtest`: what routing would have given on recorded evaluations, without a server.
package struct BacktestCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "backtest",
        abstract: "Measure what routing would have given on recorded evaluations; needs no server.",
        discussion: """
            Trains a predictor on some rows of evaluation data (.jsonl or .jsonl.gz), routes \
            the others, and compares what the chosen models really scored with the best single \
            model, with the best model for each task and with the best for each prompt. Rows \
            that lack a score of the herd or of the reference are left out of every figure.

            EXAMPLES
              herdctl backtest --data evaluations.jsonl.gz --folds 5 --seed 1
              herdctl backtest --train train.jsonl.gz --test test.jsonl.gz --json
              herdctl backtest --data routerbench.jsonl.gz \\
                --herd meta/llama-2-70b-chat,mistralai/mixtral-8x7b-chat \\
                --reference gpt-3.5-turbo-1106 \\
                --models Config/herds/routerbench.yaml

            FIGURES
              best single   the one model with the highest mean
              task label    the model best for the prompt's task on the training rows
              oracle        the model that really was best for the prompt
              macro, micro  mean over the tasks, over the rows
              ece, brier    calibration: error over ten bins, squared error
              apgr, cpt50   RouteLLM: gap recovered, strong calls for half of it
              aiq           mean accuracy on the cost/quality hull, from the
                            cheapest model's cost to the reference's (without
                            --reference: the best single model's)
              refinement    on rows with "refined" scores: never refine, always
                            refine the chosen model, choose model and rounds
                            together, the best of all in hindsight

            Exit codes: 0 done, 64 wrong usage, 65 unusable data, 66 a file is missing.
            """)

    @Option(help: ArgumentHelp("Evaluations to train on; with --test.", valueName: "file"))
    package var train: String?

    @Option(help: ArgumentHelp("Evaluations to route; with --train.", valueName: "file"))
    package var test: String?

    @Option(help: ArgumentHelp("Evaluations to train on and to route by cross-validation.", valueName: "file"))
    package var data: String?

    @Option(help: ArgumentHelp("Folds of the cross-validation; with --data. (default: 5)", valueName: "count"))
    package var folds: Int?

    @Option(help: ArgumentHelp("Seed of the folds and of the training.", valueName: "number"))
    package var seed: UInt64 = 1

    @Option(
        help: ArgumentHelp("Models to route among, separated by commas. (default: all of the data)", valueName: "names")
    )
    package var herd: String?

    @Option(help: ArgumentHelp("A model to compare the herd with; it need not belong to it.", valueName: "model"))
    package var reference: String?

    @Option(
        help: ArgumentHelp(
            "Two models of the herd, to measure how well the strong one's calls are spent.",
            valueName: "strong,weak"))
    package var pair: String?

    @Option(help: ArgumentHelp("A herd file with the models' facts.", valueName: "file"))
    package var models: String?

    @Option(
        help: ArgumentHelp("The embedding table. (default: the one installed with herdctl)", valueName: "file"))
    package var embeddingTable: String?

    @Flag(help: "Print JSON instead of tables.")
    package var json = false

    package init() {}

    package func validate() throws {
        switch (train, test, data) {
        case (.some, .some, nil):
            guard folds == nil else { throw ValidationError("--folds goes with --data, not with --train and --test.") }
        case (nil, nil, .some):
            guard folds ?? 5 >= 2 else { throw ValidationError("--folds must be at least 2.") }
        default:
            throw ValidationError("Give either --train and --test, or --data.")
        }
        if let pair, Self.names(pair).count != 2 {
            throw ValidationError("--pair takes two model names, the stronger first: --pair STRONG,WEAK.")
        }
        if let herd, Self.names(herd).isEmpty { throw ValidationError("--herd names no model.") }
    }

    package func run() throws {
        let report: BacktestReport
        var bar = ProgressLine()
        do {
            defer { bar.finish() }
            report = try request.run { text in
                bar.finish()
                StandardError.write("Note: \(text).\n")
            } progress: {
                bar.update($0.phase, share: $0.share)
            }
        } catch {
            throw CommandFailure(error.message, exitCode: error.exitCode).report()
        }
        do {
            try StandardOutput.write((json ? report.json : report.table) + "\n")
        } catch {
            throw error.report()
        }
    }

    private var request: BacktestRequest {
        let source: BacktestRequest.Source =
            if let data { .folds(data: data, count: folds ?? 5) } else {
                .holdout(train: train ?? "", test: test ?? "")
            }
        return BacktestRequest(
            source: source, seed: seed, herd: herd.map(Self.names) ?? [], reference: reference,
            pair: pair.map(Self.names), facts: models, embeddingTable: embeddingTable)
    }

    private static func names(_ list: String) -> [String] {
        list.split(separator: ",").map { String($0) }
    }
}
