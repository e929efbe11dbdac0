import HerdBackends
import HerdFrames
import HerdMessages
import HerdPolicy

extension ChatRequest {
    /// What a model is asked: the whole conversation, with how the caller wants it answered.
    ///
    /// - Throws: INVALID_ARGUMENT naming the field.
    init(prompt: String, messages: [ChatMessage], options: GenerationOptions?) throws(CallError) {
        switch (prompt.isEmpty, messages.isEmpty) {
        case (true, true):
            throw CallError(.invalidArgument, "prompt and messages are both empty; give exactly one of them")
        case (false, false):
            throw CallError(.invalidArgument, "prompt and messages are both given; give exactly one of them")
        case (false, true):
            self.init(messages: [Message(.user, prompt)])
        case (true, false):
            try PromptText.check(messages)
            self.init(messages: messages.map(Message.init))
        }
        if let options { try add(options) }
    }

    private mutating func add(_ options: GenerationOptions) throws(CallError) {
        try GenerationLimits.check(options)
        if case .temperature(let value)? = options.samplingTemperature { temperature = value }
        if case .topP(let value)? = options.nucleus { topP = value }
        if case .seed(let value)? = options.randomness { seed = value }
        if options.maxTokens > 0 { maxTokens = Int(options.maxTokens) }
        stop = options.stop
        tools = options.tools.map {
            Tool(
                name: $0.name, description: $0.description.isEmpty ? nil : $0.description,
                parametersJSON: Array($0.parameters.utf8))
        }
        switch options.toolChoice {
        case "": break
        case "auto": toolChoice = .auto
        case "none": toolChoice = ToolChoice.none
        case "required": toolChoice = .required
        case let name: toolChoice = .function(name)
        }
        if let format = options.responseFormat {
            switch format.type {
            case "json_object": responseFormat = .jsonObject
            case "json_schema":
                responseFormat = .jsonSchema(
                    name: format.name.isEmpty ? "answer" : format.name, schema: Array(format.schema.utf8),
                    strict: format.strict)
            default: responseFormat = .text
            }
        }
        extraJSON = options.extraJson
        // What is JSON inside is looked at before anybody is asked; the rest cannot be wrong.
        guard !tools.isEmpty || responseFormat != nil || !extraJSON.isEmpty else { return }
        do throws(Invalid) {
            try write()
        } catch {
            throw CallError(.invalidArgument, "options.\(error.field) \(error.reason)")
        }
    }
}

extension ChatRequest.Message {
    init(_ message: ChatMessage) {
        self.init(
            role: ChatRequest.Role(rawValue: message.role),
            parts: message.content.compactMap { content in
                switch content.part {
                case .text(let text)?: .text(text)
                case .imageUrl(let url)?: .imageURL(url)
                case nil: nil
                }
            }, name: message.name.isEmpty ? nil : message.name,
            toolCalls: message.toolCalls.map { .init(id: $0.id, name: $0.name, arguments: $0.arguments) },
            toolCallID: message.toolCallId.isEmpty ? nil : message.toolCallId)
    }
}

extension RouteRequest {
    /// The request without the flags in its prompt or last user message: the model does not see them.
    func withoutFlags(_ plan: RoutePlan) -> RouteRequest {
        guard let flags = plan.prompt.flags, !flags.known.isEmpty || !flags.unknown.isEmpty else { return self }
        var request = self
        if !prompt.isEmpty {
            request.prompt = flags.text
        } else if let last = messages.lastIndex(where: { $0.role == "user" }) {
            for index in messages[last].content.indices {
                guard case .text(let text)? = messages[last].content[index].part else { continue }
                request.messages[last].content[index].part = .text(PromptFlags(reading: text).text)
            }
        }
        return request
    }
}
