import HerdMessages

/// What running the chosen model asks of it, beyond what the prompt shows.
struct RequestNeeds: Sendable, Equatable {
    var capabilities: Set<String> = []
    /// Tokens after which the answer is cut off.
    var maximumOutputTokens: Int?
    /// It is going to be run, so that it must have an endpoint.
    var endpoint = false

    /// Of a call that only asks which model to take.
    init() {}

    /// Of a call that runs the model: tools and JSON are capabilities a model must have.
    init(running options: GenerationOptions?) {
        endpoint = true
        guard let options else { return }
        if !options.tools.isEmpty { capabilities.insert("tools") }
        if let type = options.responseFormat?.type, type.hasPrefix("json_") { capabilities.insert("json") }
        if options.maxTokens > 0 { maximumOutputTokens = Int(options.maxTokens) }
    }
}
