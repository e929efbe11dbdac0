import HerdFrames
import HerdMessages
import HerdPolicy

extension ModelRecord {
    /// Checks a model that came over the wire.
    ///
    /// - Parameter hasSecretsFolder: whether `router.secrets_dir` is set, so that endpoints may name files below it.
    init(validating model: Model, requestID: String, hasSecretsFolder: Bool) throws(CallError) {
        try Check.name(model.name, field: "model.name")
        try Check.amount(model.parametersB, field: "model.parameters_b")
        try Check.amount(model.activeB, field: "model.active_b")
        try Check.amount(model.priceIn, field: "model.price_in")
        try Check.amount(model.priceOut, field: "model.price_out")
        try Check.amount(model.priceCached, field: "model.price_cached")
        try Check.amount(model.memoryGb, field: "model.memory_gb")
        try Check.amount(model.firstTokenSeconds, field: "model.first_token_seconds")
        try Check.amount(model.tokensPerSecond, field: "model.tokens_per_second")
        try Check.amount(model.outputTokens, field: "model.output_tokens")
        try Check.day(model.released, field: "model.released")
        try Check.length(requestID, field: "request_id", atMost: 200)
        guard model.activeB <= model.parametersB || model.parametersB == 0 else {
            throw CallError(
                .invalidArgument,
                "model.active_b (\(model.activeB)) must not be over model.parameters_b (\(model.parametersB))")
        }
        guard model.capabilities.count <= 64 else {
            throw CallError(
                .invalidArgument, "model.capabilities holds at most 64 entries, not \(model.capabilities.count)")
        }
        guard model.endpoints.count <= EndpointRecord.mostPerModel else {
            throw CallError(
                .invalidArgument,
                "model.endpoints holds at most \(EndpointRecord.mostPerModel) entries, not \(model.endpoints.count)")
        }
        try Check.length(model.licence, field: "model.licence", atMost: 400)
        for capability in model.capabilities { try Check.name(capability, field: "model.capabilities") }
        var checked: [EndpointRecord] = []
        for (index, endpoint) in model.endpoints.enumerated() {
            checked.append(
                try EndpointRecord(
                    validating: endpoint, field: "model.endpoints[\(index)]", hasSecretsFolder: hasSecretsFolder))
        }
        self.init()
        name = model.name
        parametersB = model.parametersB
        activeB = model.activeB
        licence = model.licence
        context = model.context
        priceIn = model.priceIn
        priceOut = model.priceOut
        priceCached = model.priceCached
        free = model.free
        released = model.released
        memoryGb = model.memoryGb
        capabilities = model.capabilities
        endpoints = checked
        firstTokenSeconds = model.firstTokenSeconds
        tokensPerSecond = model.tokensPerSecond
        outputTokens = model.outputTokens
        local = model.local
        requestId = requestID
    }

    /// Whether both say the same of the model, whoever wrote it and when.
    func hasSameContent(as other: ModelRecord) -> Bool {
        var mine = self
        mine.revision = other.revision
        mine.requestId = other.requestId
        return mine == other
    }
}

extension Model {
    init(_ record: ModelRecord) {
        self.init()
        name = record.name
        parametersB = record.parametersB
        activeB = record.activeB
        licence = record.licence
        context = record.context
        priceIn = record.priceIn
        priceOut = record.priceOut
        priceCached = record.priceCached
        free = record.free
        released = record.released
        memoryGb = record.memoryGb
        capabilities = record.capabilities
        endpoints = record.endpoints.map(Endpoint.init)
        firstTokenSeconds = record.firstTokenSeconds
        tokensPerSecond = record.tokensPerSecond
        outputTokens = record.outputTokens
        local = record.local
        revision = record.revision
    }
}

extension ModelProfile {
    /// The wire and the record say 0 or "" for what is not known; the policy says nil.
    init(_ record: ModelRecord) {
        func known(_ value: Double) -> Double? { value > 0 ? value : nil }
        let isPriced = record.priceIn > 0 || record.priceOut > 0 || record.free
        self.init(
            name: record.name, parametersB: known(record.parametersB),
            activeB: known(record.activeB), context: record.context > 0 ? Int(record.context) : nil,
            price: isPriced ? Price(input: record.priceIn, output: record.priceOut) : nil,
            released: CalendarDay(record.released), memoryGB: known(record.memoryGb),
            capabilities: Set(record.capabilities), isLocal: record.local,
            firstTokenSeconds: known(record.firstTokenSeconds), tokensPerSecond: known(record.tokensPerSecond),
            outputTokens: record.outputTokens >= 1 ? Int(record.outputTokens) : nil,
            hasEndpoints: !record.endpoints.isEmpty)
    }
}
