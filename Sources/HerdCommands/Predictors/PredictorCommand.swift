package import ArgumentParser
import HerdClient
import HerdMessages
import HerdReflection

package struct PredictorCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "predictor", abstract: "Trained predictor versions.",
        discussion: "EXAMPLE\n  herdctl predictor list",
        subcommands: [PredictorList.self, PredictorShow.self, PredictorPromote.self, PredictorRollback.self])

    package init() {}

    /// All versions, newest first.
    static func all(_ client: HerdClient) async throws -> ListPredictorsResponse {
        var all = ListPredictorsResponse()
        var token = ""
        repeat {
            let page = try await client.call(
                HerdMessages.Scorer.listPredictors, ListPredictorsRequest(page: Page(size: 100, token: token)))
            all.predictors += page.predictors
            all.inForce = page.inForce
            token = page.next
        } while !token.isEmpty
        return all
    }
}

struct PredictorList: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the versions, newest first.",
        discussion: "EXAMPLE\n  herdctl predictor list")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run(with client: HerdClient) async throws {
        let all = try await PredictorCommand.all(client)
        try output.print(all) {
            if all.predictors.isEmpty { return "No predictor yet; herdctl import, then herdctl train --promote.\n" }
            var table = TextTable([
                ("", .left), ("VERSION", .left), ("ROWS", .right), ("MODELS", .right), ("TOPICS", .right),
                ("SECONDS", .right), ("NOTE", .left),
            ])
            for predictor in all.predictors {
                table.add([
                    predictor.inForce ? "*" : "", predictor.version, "\(predictor.rows)",
                    "\(predictor.models.count)", "\(predictor.topics.count)",
                    NumberFormat.decimals(predictor.trainingSeconds, 1),
                    predictor.damaged.isEmpty ? predictor.note : "damaged: \(predictor.damaged)",
                ])
            }
            return table.text + "* in force\n"
        }
    }
}

struct PredictorShow: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show one version: its models, topics and cross-validated figures.",
        discussion: "EXAMPLE\n  herdctl predictor show p-1f0c2a9b7d3e")

    @Argument(help: "The version; the one in force if not given.")
    var version: String?
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run(with client: HerdClient) async throws {
        let all = try await PredictorCommand.all(client)
        let wanted = version ?? all.inForce
        guard let predictor = all.predictors.first(where: { $0.version == wanted }) else {
            throw CommandFailure(
                wanted.isEmpty
                    ? "no predictor is in force; herdctl train --promote makes one"
                    : "there is no predictor '\(wanted)'; herdctl predictor list shows what there is", exitCode: 66)
        }
        try output.print(predictor) { MessageFields.text(of: predictor) }
    }
}

struct PredictorPromote: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "promote", abstract: "Put a version in force.",
        discussion: "EXAMPLE\n  herdctl predictor promote p-1f0c2a9b7d3e")

    @Argument(help: "The version.")
    var version: String
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run(with client: HerdClient) async throws {
        let reply = try await client.call(
            HerdMessages.Scorer.promotePredictor,
            PromotePredictorRequest(version: version, requestId: RequestID.make()))
        try output.print(reply) {
            "in force: \(reply.inForce)\(reply.previous.isEmpty ? "" : ", before it \(reply.previous)")\n"
        }
    }
}

struct PredictorRollback: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Put the version before the one in force back.",
        discussion: "EXAMPLE\n  herdctl predictor rollback")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run(with client: HerdClient) async throws {
        let reply = try await client.call(
            HerdMessages.Scorer.rollback, RollbackRequest(requestId: RequestID.make()))
        try output.print(reply) { "in force: \(reply.inForce), taken back \(reply.previous)\n" }
    }
}
