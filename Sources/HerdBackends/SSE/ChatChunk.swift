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

    /// What the first choice says.
    struct Choice {
        var role: String?
        var text = ""
        var reasoning = ""
        var toolCalls: [ChatEvent.ToolCallDelta] = []
        var finishReason: String?
    }

    private(set) var choice = Choice()
    private(set) var usage: Usage?
    private(set) var error: ServerError?
    /// Whether any key of a completion was there: other JSON is no chunk.
    private(set) var isChunk = false
    /// `{}` or `{"type":"ping"}`, by which some servers show that they are still there.
    private(set) var isKeepAlive = false

    /// - Throws: what is wrong with the JSON or with a value in it.
    init(reading bytes: [UInt8]) throws(JSONCursor.Failure) {
        var cursor = JSONCursor(bytes, name: "the event", isLenient: true)
        var (isEmpty, isPing) = (true, false)
        try cursor.fields("the event") { (cursor, key) throws(JSONCursor.Failure) in
            isEmpty = false
            switch key {
            case "choices":
                isChunk = true
                if let first = try Self.choices(&cursor) { choice = first }
            case "id", "object", "created", "model":
                isChunk = true
                try cursor.skipValue()
            case "usage":
                isChunk = true
                usage = try Self.usage(&cursor)
            case "error": error = try Self.error(&cursor)
            case "type" where cursor.peek() == UInt8(ascii: "\""): isPing = try cursor.string("type") == "ping"
            default: try cursor.skipValue()
            }
        }
        try cursor.finish()
        isKeepAlive = isEmpty || (isPing && !isChunk)
    }

    // MARK: - Choices

    /// - Returns: the one with the index 0.
    private static func choices(_ cursor: inout JSONCursor) throws(JSONCursor.Failure) -> Choice? {
        guard try !cursor.null() else { return nil }
        var position = 0
        var first: Choice?
        try cursor.array("choices") { (cursor) throws(JSONCursor.Failure) in
            var choice = Choice()
            let index = try choice.read(&cursor) ?? position
            // Others come only where `n` is asked for in extra_json.
            if index == 0 { first = choice }
            position += 1
        }
        return first
    }

    fileprivate static func toolCall(
        _ cursor: inout JSONCursor, position: Int
    ) throws(JSONCursor.Failure) -> ChatEvent.ToolCallDelta {
        var delta = ChatEvent.ToolCallDelta(index: position)
        try cursor.fields("a tool call") { (cursor, key) throws(JSONCursor.Failure) in
            switch key {
            case "index": delta.index = try integer(&cursor, "index") ?? position
            case "id": delta.id = try text(&cursor, "id")
            case "function": try readFunction(&cursor, into: &delta)
            default: try cursor.skipValue()
            }
        }
        guard (0..<1024).contains(delta.index) else { throw JSONCursor.Failure("index of a tool call is out of range") }
        return delta
    }

    fileprivate static func readFunction(
        _ cursor: inout JSONCursor, into delta: inout ChatEvent.ToolCallDelta
    ) throws(JSONCursor.Failure) {
        guard try !cursor.null() else { return }
        try cursor.fields("function") { (cursor, key) throws(JSONCursor.Failure) in
            switch key {
            case "name": delta.name = try text(&cursor, "name")
            case "arguments": delta.arguments = try text(&cursor, "arguments") ?? ""
            default: try cursor.skipValue()
            }
        }
    }

    // MARK: - Usage and errors

    /// What is no count is left out: an answer is not worth less because its server cannot count.
    private static func usage(_ cursor: inout JSONCursor) throws(JSONCursor.Failure) -> Usage? {
        guard cursor.peek() == UInt8(ascii: "{") else {
            try cursor.skipValue()
            return nil
        }
        var usage = Usage()
        try cursor.fields("usage") { (cursor, key) throws(JSONCursor.Failure) in
            switch key {
            case "prompt_tokens": usage.prompt = try count(&cursor)
            case "completion_tokens": usage.completion = try count(&cursor)
            case "prompt_tokens_details" where cursor.peek() == UInt8(ascii: "{"):
                try cursor.fields("prompt_tokens_details") { (cursor, key) throws(JSONCursor.Failure) in
                    switch key {
                    case "cached_tokens": usage.cached = try count(&cursor)
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

    private static func count(_ cursor: inout JSONCursor) throws(JSONCursor.Failure) -> Int? {
        guard let first = cursor.peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            try cursor.skipValue()
            return nil
        }
        let value = try cursor.number("a count")
        return value <= mostTokens ? Int(value) : nil
    }

    fileprivate static func error(_ cursor: inout JSONCursor) throws(JSONCursor.Failure) -> ServerError? {
        guard try !cursor.null() else { return nil }
        if cursor.peek() == UInt8(ascii: "\"") { return ServerError(message: try cursor.string("error")) }
        var error = ServerError(message: "")
        try cursor.fields("error") { (cursor, key) throws(JSONCursor.Failure) in
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
    fileprivate static func content(_ cursor: inout JSONCursor) throws(JSONCursor.Failure) -> String {
        guard cursor.peek() == UInt8(ascii: "[") else { return try text(&cursor, "content") ?? "" }
        var joined = ""
        try cursor.array("content") { (cursor) throws(JSONCursor.Failure) in
            try cursor.fields("a part of content") { (cursor, key) throws(JSONCursor.Failure) in
                switch key {
                case "text": joined += try text(&cursor, "text") ?? ""
                default: try cursor.skipValue()
                }
            }
        }
        return joined
    }

    fileprivate static func text(_ cursor: inout JSONCursor, _ what: String) throws(JSONCursor.Failure) -> String? {
        try cursor.null() ? nil : try cursor.string(what)
    }

    fileprivate static func integer(_ cursor: inout JSONCursor, _ what: String) throws(JSONCursor.Failure) -> Int? {
        guard try !cursor.null() else { return nil }
        let value = try cursor.number(what)
        guard value >= 0, value <= 9e15 else { throw JSONCursor.Failure("\(what) is out of range") }
        return Int(value)
    }
}

extension ChatChunk.Choice {
    /// - Returns: its index where it tells.
    fileprivate mutating func read(_ cursor: inout JSONCursor) throws(JSONCursor.Failure) -> Int? {
        var index: Int?
        try cursor.fields("a choice") { (cursor, key) throws(JSONCursor.Failure) in
            switch key {
            case "index": index = try ChatChunk.integer(&cursor, "index")
            // `message` is what a server sends that answers in one piece although it was asked for a stream.
            case "delta", "message": try readDelta(&cursor)
            case "finish_reason":
                // Some servers say "" where others say null.
                let reason = try ChatChunk.text(&cursor, "finish_reason") ?? ""
                finishReason = reason.isEmpty || reason == "null" ? nil : reason
                if reason == "function_call" { finishReason = FinishReason.toolCalls.rawValue }
            default: try cursor.skipValue()
            }
        }
        return index
    }

    private mutating func readDelta(_ cursor: inout JSONCursor) throws(JSONCursor.Failure) {
        guard try !cursor.null() else { return }
        try cursor.fields("delta") { (cursor, key) throws(JSONCursor.Failure) in
            switch key {
            case "content": text += try ChatChunk.content(&cursor)
            case "role": role = try ChatChunk.text(&cursor, "role")
            // What a model says that will not answer, instead of its answer.
            case "refusal": text += try ChatChunk.text(&cursor, "refusal") ?? ""
            case "reasoning_content", "reasoning":
                // Servers that send both send the same twice.
                let more = try ChatChunk.text(&cursor, "reasoning") ?? ""
                if !more.isEmpty { reasoning = more }
            case "tool_calls":
                guard try !cursor.null() else { return }
                try cursor.array("tool_calls") { (cursor) throws(JSONCursor.Failure) in
                    toolCalls.append(try ChatChunk.toolCall(&cursor, position: toolCalls.count))
                }
            // What tool_calls was called when there could be but one.
            case "function_call":
                guard try !cursor.null() else { return }
                var delta = ChatEvent.ToolCallDelta(index: 0)
                try ChatChunk.readFunction(&cursor, into: &delta)
                toolCalls.append(delta)
            default: try cursor.skipValue()
            }
        }
    }
}

extension ChatChunk.ServerError {
    /// An event that is an error as a whole; nil where it is no object with a message.
    init?(reading bytes: [UInt8]) {
        var cursor = JSONCursor(bytes, name: "the error", isLenient: true)
        guard let error = try? ChatChunk.error(&cursor), !error.message.isEmpty else { return nil }
        self = error
    }
}
