/// What a model is asked: one chat completion, with typed fields for what OpenAI-compatible servers share.
///
/// The name of the model in the body is the one of the endpoint that is asked, so it is not part of this.
package struct ChatRequest: Sendable {
    /// Who says a message.
    package struct Role: RawRepresentable, Hashable, Sendable {
        package var rawValue: String

        package init(rawValue: String) {
            self.rawValue = rawValue
        }

        package static let system = Role(rawValue: "system")
        package static let user = Role(rawValue: "user")
        package static let assistant = Role(rawValue: "assistant")
        package static let tool = Role(rawValue: "tool")
    }

    /// A part of a message.
    package enum Part: Sendable, Equatable {
        case text(String)
        /// An `https:` or `data:` URL, handed on as it is.
        case imageURL(String)
    }

    /// A function that the assistant has called.
    package struct ToolCall: Sendable, Equatable {
        package var id: String
        package var name: String
        /// JSON text, as the model wrote it; it need not be valid.
        package var arguments: String

        package init(id: String, name: String, arguments: String) {
            self.id = id
            self.name = name
            self.arguments = arguments
        }
    }

    /// One turn of the conversation.
    package struct Message: Sendable, Equatable {
        package var role: Role
        /// One text is sent as a plain string, which every server understands; other parts as a list.
        package var parts: [Part]
        package var name: String?
        package var toolCalls: [ToolCall]
        package var toolCallID: String?

        package init(
            role: Role, parts: [Part], name: String? = nil, toolCalls: [ToolCall] = [], toolCallID: String? = nil
        ) {
            self.role = role
            self.parts = parts
            self.name = name
            self.toolCalls = toolCalls
            self.toolCallID = toolCallID
        }

        package init(_ role: Role, _ text: String) {
            self.init(role: role, parts: [.text(text)])
        }
    }

    /// A function that the model may call.
    package struct Tool: Sendable, Equatable {
        package var name: String
        package var description: String?
        /// The text of a JSON object, a JSON Schema; empty for none.
        package var parametersJSON: [UInt8]

        package init(name: String, description: String? = nil, parametersJSON: [UInt8] = []) {
            self.name = name
            self.description = description
            self.parametersJSON = parametersJSON
        }
    }

    /// Whether the model may, must not or must call a function.
    package enum ToolChoice: Sendable, Equatable {
        case auto
        case none
        case required
        case function(String)
    }

    /// The form of the answer.
    package enum ResponseFormat: Sendable, Equatable {
        case text
        case jsonObject
        /// `schema` is the text of a JSON object.
        case jsonSchema(name: String, schema: [UInt8], strict: Bool?)
    }

    package var messages: [Message] { didSet { written = nil } }
    package var tools: [Tool] = [] { didSet { written = nil } }
    package var toolChoice: ToolChoice? { didSet { written = nil } }
    package var responseFormat: ResponseFormat? { didSet { written = nil } }
    /// Texts that end the answer.
    package var stop: [String] = [] { didSet { written = nil } }
    package var seed: Int64? { didSet { written = nil } }
    package var temperature: Double? { didSet { written = nil } }
    package var topP: Double? { didSet { written = nil } }
    package var maxTokens: Int? { didSet { written = nil } }
    /// The text of a JSON object whose keys go into the body as they are and win over the typed fields; empty for none.
    /// `model`, `messages`, `stream` and `stream_options` are refused.
    package var extraJSON: [UInt8] = [] { didSet { written = nil } }

    /// Sent as headers of the request: the trace that it belongs to, as W3C's Trace Context has it. Nil for none.
    package var trace: ChatTrace?

    /// The body behind the model's name, once `write` has been called.
    private(set) var written: [UInt8]?

    package init(messages: [Message]) {
        self.messages = messages
    }

    /// Writes the body now and keeps it for all endpoints that are asked: to find out whether it can be written.
    package mutating func write() throws(Invalid) {
        written = try bodyBehindName()
    }

    /// About how many bytes of text the model has to read; the base of estimates. An image counts as `imageBytes`.
    package var promptBytes: Int {
        var bytes = 0
        for message in messages {
            bytes += message.name?.utf8.count ?? 0
            for part in message.parts {
                switch part {
                case .text(let text): bytes += text.utf8.count
                case .imageURL: bytes += Self.imageBytes
                }
            }
            for call in message.toolCalls { bytes += call.name.utf8.count + call.arguments.utf8.count }
        }
        for tool in tools {
            bytes += tool.name.utf8.count + (tool.description?.utf8.count ?? 0) + tool.parametersJSON.count
        }
        if case .jsonSchema(_, let schema, _)? = responseFormat { bytes += schema.count }
        return bytes
    }

    /// A thousand tokens: between what models take for a small and for a large image.
    package static let imageBytes = 4_000
}
