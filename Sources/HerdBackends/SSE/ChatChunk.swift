import HerdJSON

/// One `chat.completion.chunk`, of either dialect, as far as Herd needs it.
struct ChatChunk {
    struct Usage {
        var prompt: Int?
        var completion: Int?
        var cached: Int?
    }

    struct ServerError {
        var message: String
        var code: Int?
        /// The server's word for it, as `context_length_exceeded`: a code that is no number, else its type.
        var name = ""

        /// The message with the name behind it.
        var text: String { name.isEmpty || message.contains(name) ? message : "\(message) (\(name))" }
    }

    var role: String?
    var text = ""
    var reasoning = ""
    var toolCalls: [ChatEvent.ToolCallDelta] = []
    var finishReason: String?
    var usage: Usage?
    var error: ServerError?
    /// Whether any key of a completion was there: other JSON is no chunk.
    private(set) var isChunk = false
    /// `{}` or `{"type":"ping"}`, by which some servers show that they are still there.
    private(set) var isKeepAlive = false

    /// - Throws: what is wrong with the JSON or with a value in it.
    init(reading bytes: [UInt8]) throws(JSONCursor.Failure) {
        var cursor = JSONCursor(bytes, name: "the event")
        var chunk = Partial()
        var (keys, isPing) = (0, false)
        try cursor.object("the event") { (cursor, key) throws(JSONCursor.Failure) in
            keys += 1
            switch key {
            case "type" where cursor.peek() == UInt8(ascii: "\""): isPing = try cursor.string("type") == "ping"
            case "choices":
                chunk.isChunk = true
                try chunk.readChoices(&cursor)
            case "usage":
                chunk.isChunk = true
                chunk.usage = try Self.usage(&cursor)
            case "error":
                chunk.error = try Self.error(&cursor)
            case "id", "object", "created", "model":
                chunk.isChunk = true
                try cursor.skipValue()
            default: try cursor.skipValue()
            }
        }
        try cursor.finish()
        role = chunk.role
        text = chunk.text
        reasoning = chunk.reasoning
        toolCalls = chunk.toolCalls
        finishReason = chunk.finishReason
        usage = chunk.usage
        error = chunk.error
        isChunk = chunk.isChunk
        isKeepAlive = keys == 0 || (isPing && !isChunk)
    }

    // MARK: - Choices

    private struct Partial {
        var role: String?
        var text = ""
        var reasoning = ""
        var toolCalls: [ChatEvent.ToolCallDelta] = []
        var finishReason: String?
        var usage: Usage?
        var error: ServerError?
        var isChunk = false

        mutating func readChoices(_ cursor: inout JSONCursor) throws(JSONCursor.Failure) {
            guard try !cursor.null() else { return }
            var position = 0
            var chosen: Partial?
            try cursor.array("choices") { (cursor) throws(JSONCursor.Failure) in
                var choice = Partial()
                let index = try choice.readChoice(&cursor) ?? position
                // Others come only where `n` is asked for in extra_json.
                if index == 0 { chosen = choice }
                position += 1
            }
            guard let chosen else { return }
            role = chosen.role
            text = chosen.text
            reasoning = chosen.reasoning
            toolCalls = chosen.toolCalls
            finishReason = chosen.finishReason
        }

        /// - Returns: the choice's index where it tells.
        private mutating func readChoice(_ cursor: inout JSONCursor) throws(JSONCursor.Failure) -> Int? {
            var index: Int?
            try cursor.object("a choice") { (cursor, key) throws(JSONCursor.Failure) in
                switch key {
                case "index": index = try ChatChunk.integer(&cursor, "index")
                // `message` is what a server sends that answers in one piece although it was asked for a stream.
                case "delta", "message": try readDelta(&cursor)
                case "finish_reason":
                    // Some servers say "" where others say null.
                    let reason = try ChatChunk.text(&cursor, "finish_reason") ?? ""
                    finishReason = reason.isEmpty || reason == "null" ? nil : reason
                default: try cursor.skipValue()
                }
            }
            return index
        }

        private mutating func readDelta(_ cursor: inout JSONCursor) throws(JSONCursor.Failure) {
            guard try !cursor.null() else { return }
            try cursor.object("delta") { (cursor, key) throws(JSONCursor.Failure) in
                switch key {
                case "role": role = try ChatChunk.text(&cursor, "role")
                case "content": text += try ChatChunk.content(&cursor)
                // What a model says that will not answer, instead of its answer.
                case "refusal": text += try ChatChunk.text(&cursor, "refusal") ?? ""
                case "reasoning_content", "reasoning":
                    // Servers that send both send the same twice.
                    let more = try ChatChunk.text(&cursor, key) ?? ""
                    if !more.isEmpty { reasoning = more }
                case "tool_calls":
                    guard try !cursor.null() else { return }
                    try cursor.array("tool_calls") { (cursor) throws(JSONCursor.Failure) in
                        toolCalls.append(try ChatChunk.toolCall(&cursor, position: toolCalls.count))
                    }
                default: try cursor.skipValue()
                }
            }
        }
    }

    private static func toolCall(
        _ cursor: inout JSONCursor, position: Int
    ) throws(JSONCursor.Failure) -> ChatEvent.ToolCallDelta {
        var delta = ChatEvent.ToolCallDelta(index: position)
        try cursor.object("a tool call") { (cursor, key) throws(JSONCursor.Failure) in
            switch key {
            case "index": delta.index = try integer(&cursor, "index") ?? position
            case "id": delta.id = try text(&cursor, "id")
            case "function":
                guard try !cursor.null() else { return }
                try cursor.object("function") { (cursor, key) throws(JSONCursor.Failure) in
                    switch key {
                    case "name": delta.name = try text(&cursor, "name")
                    case "arguments": delta.arguments = try text(&cursor, "arguments") ?? ""
                    default: try cursor.skipValue()
                    }
                }
            default: try cursor.skipValue()
            }
        }
        guard (0..<1024).contains(delta.index) else { throw JSONCursor.Failure("index of a tool call is out of range") }
        return delta
    }

    // MARK: - Usage and errors

    /// What is no count is left out: an answer is not worth less because its server cannot count.
    private static func usage(_ cursor: inout JSONCursor) throws(JSONCursor.Failure) -> Usage? {
        guard cursor.peek() == UInt8(ascii: "{") else {
            try cursor.skipValue()
            return nil
        }
        var usage = Usage()
        try cursor.object("usage") { (cursor, key) throws(JSONCursor.Failure) in
            switch key {
            case "prompt_tokens": usage.prompt = try count(&cursor, key)
            case "completion_tokens": usage.completion = try count(&cursor, key)
            case "prompt_tokens_details" where cursor.peek() == UInt8(ascii: "{"):
                try cursor.object(key) { (cursor, key) throws(JSONCursor.Failure) in
                    switch key {
                    case "cached_tokens": usage.cached = try count(&cursor, key)
                    default: try cursor.skipValue()
                    }
                }
            default: try cursor.skipValue()
            }
        }
        return usage
    }

    /// More tokens are nowhere in one call.
    private static let mostTokens = 1e8

    private static func count(_ cursor: inout JSONCursor, _ what: String) throws(JSONCursor.Failure) -> Int? {
        guard let first = cursor.peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            try cursor.skipValue()
            return nil
        }
        let value = try cursor.number(what)
        return value <= mostTokens ? Int(value) : nil
    }

    fileprivate static func error(_ cursor: inout JSONCursor) throws(JSONCursor.Failure) -> ServerError? {
        guard try !cursor.null() else { return nil }
        if cursor.peek() == UInt8(ascii: "\"") { return ServerError(message: try cursor.string("error")) }
        var error = ServerError(message: "")
        try cursor.object("error") { (cursor, key) throws(JSONCursor.Failure) in
            let first = cursor.peek() ?? 0
            switch key {
            case "message" where first == UInt8(ascii: "\""): error.message = try cursor.string("message")
            case "code" where first == UInt8(ascii: "\""): error.name = try cursor.string("code")
            case "type" where first == UInt8(ascii: "\"") && error.name.isEmpty:
                error.name = try cursor.string("type")
            case "code" where (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first):
                error.code = try integer(&cursor, "code")
            default: try cursor.skipValue()
            }
        }
        if error.code == nil, error.name.utf8.count == 3, let code = Int(error.name) {
            error.code = code
            error.name = ""
        }
        return error
    }

    // MARK: - Values

    /// Text, or a list of parts of which those with text count.
    private static func content(_ cursor: inout JSONCursor) throws(JSONCursor.Failure) -> String {
        guard cursor.peek() == UInt8(ascii: "[") else { return try text(&cursor, "content") ?? "" }
        var joined = ""
        try cursor.array("content") { (cursor) throws(JSONCursor.Failure) in
            try cursor.object("a part of content") { (cursor, key) throws(JSONCursor.Failure) in
                if key == "text" { joined += try text(&cursor, "text") ?? "" } else { try cursor.skipValue() }
            }
        }
        return joined
    }

    private static func text(_ cursor: inout JSONCursor, _ what: String) throws(JSONCursor.Failure) -> String? {
        try cursor.null() ? nil : try cursor.string(what)
    }

    private static func integer(_ cursor: inout JSONCursor, _ what: String) throws(JSONCursor.Failure) -> Int? {
        guard try !cursor.null() else { return nil }
        let value = try cursor.number(what)
        guard value >= 0, value <= 9e15 else { throw JSONCursor.Failure("\(what) is out of range") }
        return Int(value)
    }
}

extension ChatChunk.ServerError {
    /// An event that is an error as a whole; nil where it is no object with a message.
    init?(reading bytes: [UInt8]) {
        var cursor = JSONCursor(bytes, name: "the error")
        guard let error = try? ChatChunk.error(&cursor), !error.message.isEmpty else { return nil }
        self = error
    }
}
