package import ArgumentParser
import HerdFrames

/// `herdctl`.
package struct HerdctlCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "herdctl",
        abstract: "Operate a herd: models, policies, evaluations, predictors, decisions.",
        discussion: """
            Commands talk to the router at --address (or HERD_ADDRESS, else 127.0.0.1:7601); backtest needs no server. A
            herd that wants a token finds it in --token-file, HERD_TOKEN_FILE or HERD_TOKEN.
            --json prints JSON with the field names of the messages.

            A FIRST HERD
              herdd all --data data &
              herdctl model add --file Config/herds/routerdc.yaml
              herdctl import evaluations.jsonl.gz
              herdctl train --promote
              herdctl route "What is the derivative of x^2?" --explain
              herdctl complete "What is the derivative of x^2?"

            \(CommandFailure.exitCodes)
            """,
        version: HerdVersion.text,
        subcommands: [
            RouteCommand.self, CompleteCommand.self, GenerateCommand.self, FeedbackCommand.self, DecisionCommand.self,
            RefineCommand.self, TranscriptCommand.self, ModelCommand.self, PolicyCommand.self, ImportCommand.self,
            EvaluateCommand.self, SuiteCommand.self, TrainCommand.self, PerficsCommand.self, PredictorCommand.self,
            BacktestCommand.self, StatusCommand.self, TokenCommand.self, UsageCommand.self, AuditCommand.self,
            CallCommand.self, DescribeCommand.self, BackupCommand.self, VerifyCommand.self, RestoreCommand.self,
        ])

    package init() {}
}
