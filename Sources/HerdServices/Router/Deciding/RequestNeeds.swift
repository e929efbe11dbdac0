import HerdJSON
import HerdMessages

/// What running the chosen model asks of it, beyond what the prompt shows.
struct RequestNeeds: Sendable, Equatable {
    var capabilities: Set<String> = []
    /// Tokens after which the answer is cut off.
    var maximumOutputTokens: Int?
    /// Bytes that the model has to read besides the messages: its tools.
    var promptBytes = 0
    /// It is going to be run, so that it must have an endpoint.
    var endpoint = false

    /// Of a call that only asks which model to take.
    init() {}

    /// Of a call that runs the model: tools and JSON are capabilities a model must have.
    init(running options: GenerationOptions?) {
        endpoint = true
        guard let options else { return }
        var hasTools = !options.tools.isEmpty
        var hasJSON = options.responseFormat?.type.hasPrefix("json_") ?? false
        promptBytes = options.tools.reduce(0) {
            $0 + $1.name.utf8.count + $1.description.utf8.count + $1.parameters.utf8.count
        }
        if options.maxTokens > 0 { maximumOutputTokens = Int(options.maxTokens) }
        // Whatever is wrong with it is told where the request is put together.
        let extra = options.extraJson.isEmpty ? nil : try? JSONNode(reading: options.extraJson)
        if case .object(let members)? = extra {
            for (key, value) in members {
                switch (key, value) {
                // What is given there wins over the typed fields.
                case ("tools", _): (hasTools, promptBytes) = Self.tools(value)
                case ("functions", .array(let functions)) where !functions.isEmpty:
                    hasTools = true
                    promptBytes += value.text(onOneLine: true).utf8.count
                case ("response_format", _): hasJSON = Self.isJSON(value)
                case ("json_schema", .object): hasJSON = true
                case ("max_tokens", .number(let digits)), ("max_completion_tokens", .number(let digits)):
                    if let most = Double(digits), most >= 1, most <= 1e6 { maximumOutputTokens = Int(most) }
                default: break
                }
            }
        }
        if hasTools { capabilities.insert("tools") }
        if hasJSON { capabilities.insert("json") }
    }

    private static func tools(_ node: JSONNode) -> (areThere: Bool, bytes: Int) {
        guard case .array(let tools) = node, !tools.isEmpty else { return (false, 0) }
        return (true, node.text(onOneLine: true).utf8.count)
    }

    /// Of a `response_format`: "json_object" and "json_schema" are, "text" and null are not.
    private static func isJSON(_ node: JSONNode) -> Bool {
        guard case .object(let members) = node else { return false }
        return members.contains { $0.key == "type" && $0.value != .string("text") }
    }
}
