import HerdJSON

extension ChatRequest {
    /// A request that cannot be put into words a server understands.
    package struct Invalid: Error, Equatable, CustomStringConvertible {
        /// As `tools[2].parameters`.
        package var field: String
        /// What is wrong and what is allowed, as the rest of a sentence that begins with the field.
        package var reason: String

        package var description: String { "\(field) \(reason)." }
    }

    /// Keys of the body that Herd itself sets.
    private static let reserved: Set<String> = ["model", "messages", "stream", "stream_options"]

    /// The body of the request, for a server that calls the model `model`: always streaming, always with usage.
    ///
    /// - Throws: `Invalid` for what is not JSON, not finite or reserved.
    package func body(model: String) throws(Invalid) -> [UInt8] {
        let rest: [UInt8]
        if let written { rest = written } else { rest = try bodyBehindName() }
        var writer = JSONWriter(reserving: rest.count + model.utf8.count + 64)
        writer.object { body in
            body.key("model")
            body.string(model)
        }
        var bytes = writer.bytes
        bytes.removeLast()
        bytes += rest
        return bytes
    }

    /// All from the comma behind the model's name.
    func bodyBehindName() throws(Invalid) -> [UInt8] {
        let extra = try extraMembers()
        let given = Set(extra.map(\.key))
        var writer = JSONWriter(reserving: promptBytes + extraJSON.count + 512)
        try writer.object { (body) throws(Invalid) in
            body.key("messages")
            try writeMessages(to: &body)
            try writeTools(to: &body, unless: given)
            try writeResponseFormat(to: &body, unless: given)
            try writeSampling(to: &body, unless: given)
            for (key, value) in extra {
                body.key(key)
                body.raw(value.text(onOneLine: true).utf8)
            }
            body.key("stream")
            body.boolean(true)
            body.key("stream_options")
            body.object { options in
                options.key("include_usage")
                options.boolean(true)
            }
        }
        var bytes = writer.bytes
        bytes[0] = UInt8(ascii: ",")
        return bytes
    }

    // MARK: - What is JSON already

    private func extraMembers() throws(Invalid) -> [(key: String, value: JSONNode)] {
        guard !extraJSON.isEmpty else { return [] }
        guard case .object(let members) = try Self.json(extraJSON, field: "extra_json") else {
            throw Invalid(field: "extra_json", reason: "must be a JSON object")
        }
        if let key = members.map(\.key).first(where: Self.reserved.contains) {
            throw Invalid(field: "extra_json.\(key)", reason: "is set by Herd itself; leave it out")
        }
        return members
    }

    private static func json(_ bytes: [UInt8], field: String) throws(Invalid) -> JSONNode {
        do throws(JSONCursor.Failure) {
            return try JSONNode(reading: bytes, name: "the text")
        } catch {
            throw Invalid(field: field, reason: "is refused: \(error.reason)")
        }
    }

    private static func schema(_ bytes: [UInt8], field: String) throws(Invalid) -> String {
        let node = try json(bytes, field: field)
        guard case .object = node else { throw Invalid(field: field, reason: "must be a JSON object, a JSON Schema") }
        return node.text(onOneLine: true)
    }

    // MARK: - Messages

    private func writeMessages(to body: inout JSONWriter) throws(Invalid) {
        guard !messages.isEmpty else { throw Invalid(field: "messages", reason: "must not be empty") }
        body.array { list in
            for message in messages {
                list.object { writer in Self.write(message, to: &writer) }
            }
        }
    }

    private static func write(_ message: Message, to writer: inout JSONWriter) {
        writer.key("role")
        writer.string(message.role.rawValue)
        writer.key("content")
        switch (message.parts.count, message.parts.first) {
        case (0, _) where !message.toolCalls.isEmpty: writer.null()
        case (0, _): writer.string("")
        case (1, .text(let text)): writer.string(text)
        default: writer.array { list in for part in message.parts { write(part, to: &list) } }
        }
        if let name = message.name {
            writer.key("name")
            writer.string(name)
        }
        if let id = message.toolCallID {
            writer.key("tool_call_id")
            writer.string(id)
        }
        guard !message.toolCalls.isEmpty else { return }
        writer.key("tool_calls")
        writer.array { list in
            for call in message.toolCalls {
                list.object { item in
                    item.key("id")
                    item.string(call.id)
                    item.key("type")
                    item.string("function")
                    item.key("function")
                    item.object { function in
                        function.key("name")
                        function.string(call.name)
                        function.key("arguments")
                        function.string(call.arguments)
                    }
                }
            }
        }
    }

    private static func write(_ part: Part, to list: inout JSONWriter) {
        list.object { item in
            item.key("type")
            switch part {
            case .text(let text):
                item.string("text")
                item.key("text")
                item.string(text)
            case .imageURL(let url):
                item.string("image_url")
                item.key("image_url")
                item.object { image in
                    image.key("url")
                    image.string(url)
                }
            }
        }
    }

    // MARK: - Options

    private func writeTools(to body: inout JSONWriter, unless given: Set<String>) throws(Invalid) {
        if !tools.isEmpty, !given.contains("tools") {
            body.key("tools")
            try body.array { (list) throws(Invalid) in
                for (index, tool) in tools.enumerated() { try Self.write(tool, index, to: &list) }
            }
        }
        guard let toolChoice, !given.contains("tool_choice") else { return }
        // Without tools there is nothing to choose, and OpenAI refuses a word about it.
        if toolChoice == .auto || toolChoice == ToolChoice.none, tools.isEmpty, !given.contains("tools") { return }
        body.key("tool_choice")
        switch toolChoice {
        case .auto: body.string("auto")
        case .none: body.string("none")
        case .required: body.string("required")
        case .function(let name):
            body.object { choice in
                choice.key("type")
                choice.string("function")
                choice.key("function")
                choice.object { function in
                    function.key("name")
                    function.string(name)
                }
            }
        }
    }

    private static func write(_ tool: Tool, _ index: Int, to list: inout JSONWriter) throws(Invalid) {
        guard !tool.name.isEmpty else { throw Invalid(field: "tools[\(index)].name", reason: "must not be empty") }
        let parameters =
            tool.parametersJSON.isEmpty
            ? nil : try schema(tool.parametersJSON, field: "tools[\(index)].parameters")
        list.object { item in
            item.key("type")
            item.string("function")
            item.key("function")
            item.object { function in
                function.key("name")
                function.string(tool.name)
                if let description = tool.description {
                    function.key("description")
                    function.string(description)
                }
                if let parameters {
                    function.key("parameters")
                    function.raw(parameters.utf8)
                }
            }
        }
    }

    private func writeResponseFormat(to body: inout JSONWriter, unless given: Set<String>) throws(Invalid) {
        guard let responseFormat, !given.contains("response_format") else { return }
        let schema: String?
        if case .jsonSchema(let name, let text, _) = responseFormat {
            guard !name.isEmpty else {
                throw Invalid(field: "response_format.json_schema.name", reason: "must not be empty")
            }
            schema = try Self.schema(text, field: "response_format.json_schema.schema")
        } else {
            schema = nil
        }
        body.key("response_format")
        body.object { format in
            format.key("type")
            switch responseFormat {
            case .text: format.string("text")
            case .jsonObject: format.string("json_object")
            case .jsonSchema(let name, _, let strict):
                format.string("json_schema")
                format.key("json_schema")
                format.object { description in
                    description.key("name")
                    description.string(name)
                    if let strict {
                        description.key("strict")
                        description.boolean(strict)
                    }
                    description.key("schema")
                    description.raw((schema ?? "{}").utf8)
                }
            }
        }
    }

    private func writeSampling(to body: inout JSONWriter, unless given: Set<String>) throws(Invalid) {
        if !stop.isEmpty, !given.contains("stop") {
            body.key("stop")
            body.array { list in for text in stop { list.string(text) } }
        }
        if let seed, !given.contains("seed") {
            body.key("seed")
            body.integer(seed)
        }
        for (key, value) in [("temperature", temperature), ("top_p", topP)] {
            guard let value, !given.contains(key) else { continue }
            guard value.isFinite else { throw Invalid(field: key, reason: "must be a finite number") }
            body.key(key)
            body.number(value)
        }
        if let maxTokens, !given.contains("max_tokens") {
            body.key("max_tokens")
            body.integer(Int64(maxTokens))
        }
    }
}
