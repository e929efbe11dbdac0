import ArgumentParser
import HerdClient
import HerdDatasets
import HerdFrames
import HerdMessages

struct ModelAdd: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Add models, or replace the facts of those that are there.",
        discussion: """
            A name alone registers a model; facts make goals and limits work on it. Facts that are not given count as not
            known, also for a model that had them. A herd file adds many at once.

            An endpoint's concurrency is how many calls of this model it gets at a time; further ones wait. Models that are
            served at the same URL are counted each on its own: divide the server's slots among them.

            EXAMPLES
              herdctl model add mistral-7b --parameters-b 7.2 --context 32768 --price-in 0.2 --price-out 0.2
              herdctl model add qwen --endpoint http://127.0.0.1:8080/v1,concurrency=4 --local
              herdctl model add gpt --endpoint https://api.example.com/v1,model=gpt-5,key-env=HERD_KEY_EXAMPLE
              herdctl model add --file Config/herds/routerdc.yaml
            """)

    @Argument(help: "The model's name, as in evaluation data.")
    var name: String?
    @Option(help: "A herd file (YAML) with models to add.")
    var file: String?
    @Option(help: "Total parameters, billions.")
    var parametersB: Double?
    @Option(help: "Parameters used per token, billions.")
    var activeB: Double?
    @Option(help: "Licence.")
    var licence: String?
    @Option(help: "Context window, tokens.")
    var context: UInt32?
    @Option(help: "US dollars per million prompt tokens.")
    var priceIn: Double?
    @Option(help: "US dollars per million answer tokens.")
    var priceOut: Double?
    @Option(help: "US dollars per million cached prompt tokens.")
    var priceCached: Double?
    @Flag(help: "It costs nothing.")
    var free = false
    @Option(help: "Day of release, YYYY-MM-DD.")
    var released: String?
    @Option(help: "Memory of the weights, gigabytes.")
    var memoryGb: Double?
    @Option(name: .customLong("capability"), help: "A capability such as tools, vision or json; may be repeated.")
    var capabilities: [String] = []
    @Option(name: .customLong("endpoint"), help: ArgumentHelp(EndpointOption.help, valueName: "url"))
    var endpoints: [String] = []
    @Option(help: "Seconds to the first token.")
    var firstTokenSeconds: Double?
    @Option(help: "Tokens per second.")
    var tokensPerSecond: Double?
    @Option(help: "Mean length of an answer, tokens.")
    var outputTokens: Double?
    @Flag(help: "It runs on your own machines.")
    var local = false
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (name == nil) != (file == nil) else {
            throw ValidationError("give either a model's name or --file, e.g. herdctl model add --file herd.yaml")
        }
    }

    func run(with client: HerdClient) async throws {
        var added: [Model] = []
        var revision: UInt64 = 0
        for model in try models() {
            let response = try await client.call(
                HerdMessages.Registry.putModel, PutModelRequest(model: model, requestId: RequestID.make()))
            if let model = response.model { added.append(model) }
            revision = response.registryRevision
        }
        let reply = ListModelsResponse(models: added, registryRevision: revision)
        try output.print(reply) {
            "\(added.map { "added \($0.name)" }.joined(separator: "\n"))\nregistry revision \(revision)\n"
        }
    }

    private func models() throws -> [Model] {
        if let file {
            do throws(DatasetError) {
                return try HerdFile(path: file).models.map(Model.init)
            } catch {
                throw CommandFailure(error)
            }
        }
        var model = Model(name: name ?? "")
        model.parametersB = parametersB ?? 0
        model.activeB = activeB ?? 0
        model.licence = licence ?? ""
        model.context = context ?? 0
        model.priceIn = priceIn ?? 0
        model.priceOut = priceOut ?? 0
        model.priceCached = priceCached ?? 0
        model.free = free
        model.released = released ?? ""
        model.memoryGb = memoryGb ?? 0
        model.capabilities = capabilities
        model.endpoints = try endpoints.map(EndpointOption.parse)
        model.firstTokenSeconds = firstTokenSeconds ?? 0
        model.tokensPerSecond = tokensPerSecond ?? 0
        model.outputTokens = outputTokens ?? 0
        model.local = local
        return [model]
    }
}

extension Model {
    /// The facts of a herd file; a fact it leaves out is one that is not known.
    fileprivate init(_ facts: ModelFacts) {
        self.init(name: facts.name)
        parametersB = facts.parametersB ?? 0
        activeB = facts.activeB ?? 0
        licence = facts.licence ?? ""
        context = UInt32(clamping: facts.context ?? 0)
        priceIn = facts.priceIn ?? 0
        priceOut = facts.priceOut ?? 0
        priceCached = facts.priceCached ?? 0
        free = facts.free ?? false
        released = facts.released ?? ""
        memoryGb = facts.memoryGB ?? 0
        capabilities = facts.capabilities
        endpoints = facts.endpoints.map {
            Endpoint(
                baseUrl: $0.baseURL, model: $0.model ?? "", maxConcurrency: UInt32(clamping: $0.maxConcurrency ?? 0),
                apiKeyEnv: $0.apiKeyEnv ?? "", apiKeyFile: $0.apiKeyFile ?? "",
                connectTimeout: $0.connectTimeout ?? 0, firstTokenTimeout: $0.firstTokenTimeout ?? 0,
                tokenTimeout: $0.tokenTimeout ?? 0, caFile: $0.caFile ?? "")
        }
        firstTokenSeconds = facts.firstTokenSeconds ?? 0
        tokensPerSecond = facts.tokensPerSecond ?? 0
        outputTokens = facts.outputTokens ?? 0
        local = facts.local ?? false
    }
}
