package import HerdJSON
package import HerdMessages

/// A JSON text from a file.
enum JSONFile {
    /// - Parameter path: `-` for standard input.
    static func read(_ path: String, what: String) throws(CommandFailure) -> JSONNode {
        let bytes = try RequestInput.read(path == "-" ? "-" : "@" + path)
        do throws(JSONCursor.Failure) {
            return try JSONNode(reading: bytes, name: what)
        } catch {
            throw CommandFailure("\(path == "-" ? "standard input" : path): \(error.reason)", exitCode: 65)
        }
    }
}

extension JSONNode {
    fileprivate var text: String? { if case .string(let text) = self { text } else { nil } }

    fileprivate func member(_ key: String) -> JSONNode? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }
}

/// A conversation as OpenAI's API writes it: `[{"role": "user", "content": "..."}]`, contents also as lists of parts.
package enum MessagesFile {
    static func read(_ path: String) throws(CommandFailure) -> [ChatMessage] {
        try messages(try JSONFile.read(path, what: "the conversation"))
    }

    package static func messages(_ node: JSONNode) throws(CommandFailure) -> [ChatMessage] {
        let list = node.member("messages") ?? node
        guard case .array(let items) = list else { throw wrong("must be a list of messages") }
        var messages: [ChatMessage] = []
        for (index, item) in items.enumerated() {
            let place = "[\(index)]"
            guard case .object(let members) = item else { throw wrong("\(place) must be an object") }
            var message = ChatMessage()
            // SDKs write null for what is not there.
            for (key, value) in members where value != .null {
                switch key {
                case "role": message.role = try text(value, "\(place).role")
                case "name": message.name = try text(value, "\(place).name")
                case "tool_call_id": message.toolCallId = try text(value, "\(place).tool_call_id")
                case "content": message.content = try content(value, "\(place).content")
                case "tool_calls": message.toolCalls = try calls(value, "\(place).tool_calls")
                // Of replies; what they say was said to people and not to models.
                case "refusal", "annotations", "audio", "reasoning", "reasoning_content": break
                default: throw wrong("\(place).\(key) is not known")
                }
            }
            messages.append(message)
        }
        return messages
    }

    private static func content(_ node: JSONNode, _ place: String) throws(CommandFailure) -> [ContentPart] {
        switch node {
        case .null: return []
        case .string(let text): return [ContentPart(part: .text(text))]
        case .array(let items):
            var parts: [ContentPart] = []
            for (index, item) in items.enumerated() {
                if let text = item.member("text")?.text {
                    parts.append(ContentPart(part: .text(text)))
                } else if let url = item.member("image_url")?.text ?? item.member("image_url")?.member("url")?.text {
                    parts.append(ContentPart(part: .imageUrl(url)))
                } else {
                    throw wrong("\(place)[\(index)] must have a text or an image_url")
                }
            }
            return parts
        default: throw wrong("\(place) must be a text or a list of parts")
        }
    }

    private static func calls(_ node: JSONNode, _ place: String) throws(CommandFailure) -> [ToolCall] {
        guard case .array(let items) = node else { throw wrong("\(place) must be a list") }
        var calls: [ToolCall] = []
        for (index, item) in items.enumerated() {
            let function = item.member("function") ?? item
            guard let name = function.member("name")?.text else { throw wrong("\(place)[\(index)] has no name") }
            calls.append(
                ToolCall(
                    id: item.member("id")?.text ?? "", name: name,
                    arguments: function.member("arguments").map { $0.text ?? $0.text(onOneLine: true) } ?? ""))
        }
        return calls
    }

    private static func text(_ node: JSONNode, _ place: String) throws(CommandFailure) -> String {
        guard let text = node.text else { throw wrong("\(place) must be a text") }
        return text
    }

    private static func wrong(_ what: String) -> CommandFailure {
        CommandFailure(
            "the conversation\(what.hasPrefix("[") ? "" : " ")\(what); write "
                + #"[{"role": "user", "content": "..."}, ...]"#, exitCode: 65)
    }
}

/// Tools as OpenAI's API writes them: `{"type": "function", "function": {"name", "description", "parameters"}}`, or what is
/// in `function` alone.
package enum ToolFile {
    static func read(_ path: String) throws(CommandFailure) -> [Tool] {
        try tools(try JSONFile.read(path, what: "the tool"))
    }

    package static func tools(_ node: JSONNode) throws(CommandFailure) -> [Tool] {
        guard case .array(let items) = node else { return [try tool(node)] }
        var tools: [Tool] = []
        for item in items { tools.append(try tool(item)) }
        return tools
    }

    private static func tool(_ node: JSONNode) throws(CommandFailure) -> Tool {
        let function = node.member("function") ?? node
        guard let name = function.member("name")?.text else {
            throw CommandFailure(
                #"a tool has no name; write {"name": "...", "description": "...", "parameters": {JSON schema}}"#,
                exitCode: 65)
        }
        if case .bool(true)? = function.member("strict") {
            throw CommandFailure(
                "tool '\(name)': \"strict\": true is not passed on; leave it out, or give all tools as the models' "
                    + "servers take them, in the key \"tools\" of the generation's extra JSON", exitCode: 65)
        }
        return Tool(
            name: name, description: function.member("description")?.text ?? "",
            parameters: function.member("parameters").map { $0.text ?? $0.text(onOneLine: true) } ?? "")
    }
}
