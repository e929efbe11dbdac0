import ArgumentParser
import HerdClient
import HerdMessages
import HerdReflection

struct ModelList: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the models.", discussion: "EXAMPLE\n  herdctl model list --json")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run(with client: HerdClient) async throws {
        var all = ListModelsResponse()
        var token = ""
        repeat {
            let page = try await client.call(
                HerdMessages.Registry.listModels, ListModelsRequest(page: Page(size: 1_000, token: token)))
            all.models += page.models
            all.registryRevision = page.registryRevision
            token = page.next
        } while !token.isEmpty
        try output.print(all) {
            if all.models.isEmpty { return "The herd is empty; add models with herdctl model add.\n" }
            var table = TextTable([
                ("MODEL", .left), ("PARAMETERS", .right), ("CONTEXT", .right), ("USD/M IN", .right),
                ("USD/M OUT", .right), ("RELEASED", .left), ("LICENCE", .left),
            ])
            for model in all.models {
                table.add([
                    model.name, model.parametersB > 0 ? "\(Float(model.parametersB)) B" : "-",
                    model.context > 0 ? "\(model.context)" : "-", Self.price(model.priceIn, model),
                    Self.price(model.priceOut, model), model.released.isEmpty ? "-" : model.released,
                    model.licence.isEmpty ? "-" : model.licence,
                ])
            }
            return table.text
        }
    }

    private static func price(_ price: Double, _ model: Model) -> String {
        price > 0 ? "\(Float(price))" : model.free ? "free" : "-"
    }
}

struct ModelShow: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show one model's facts.", discussion: "EXAMPLE\n  herdctl model show mistral-7b"
    )

    @Argument(help: "The model's name.")
    var name: String
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run(with client: HerdClient) async throws {
        let reply = try await client.call(HerdMessages.Registry.getModel, GetModelRequest(name: name))
        let model = reply.model ?? Model()
        try output.print(model) { MessageFields.text(of: model) }
    }
}

struct ModelRemove: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Remove a model from the herd.",
        discussion: "EXAMPLE\n  herdctl model remove mistral-7b")

    @Argument(help: "The model's name.")
    var name: String
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run(with client: HerdClient) async throws {
        let reply = try await client.call(HerdMessages.Registry.removeModel, RemoveModelRequest(name: name))
        try output.print(reply) { "removed \(name)\n" }
    }
}
