import HerdJSON

/// Makes events of the body of a successful answer, as its bytes come. A pure state machine: it knows no socket.
package struct ChatStreamDecoder {
    package enum Failure: Error, Equatable {
        case badResponse(String)
        case tooLarge(String)
        /// Over so many bytes.
        case answerTooLong(Int)
        /// The server says inside the stream that it failed.
        case server(code: Int?, message: String)
        case cutOff
    }

    package enum Form: Sendable {
        case events
        /// One JSON object, from a server that does not stream.
        case wholeAnswer
    }

    private let limits: BackendLimits
    private var form = Form.events
    private var parser: ServerSentEvents
    private var body: [UInt8] = []
    private var pendingRole: String?
    private(set) var received = 0
    /// Bytes of text, thoughts and calls so far.
    package private(set) var completionBytes = 0
    /// Nil before the model has ended its answer.
    package private(set) var finishReason: FinishReason?
    private(set) var usage: ChatChunk.Usage?
    /// Whether `[DONE]` came.
    package private(set) var isDone = false
    private var hasEvents = false
    /// Whether there was anything that the caller gets to see.
    package private(set) var hasOutput = false

    package init(limits: BackendLimits) {
        self.limits = limits
        parser = ServerSentEvents(limit: limits.maximumLineBytes)
    }

    /// What the header says of the body; before the first byte.
    package mutating func expect(_ form: Form) {
        self.form = form
    }

    /// Takes more bytes; appends the events that they complete.
    package mutating func feed(_ bytes: UnsafeRawBufferPointer, into events: inout [ChatEvent]) throws(Failure) {
        received += bytes.count
        guard received <= limits.maximumAnswerBytes else {
            throw .answerTooLong(limits.maximumAnswerBytes)
        }
        switch form {
        case .wholeAnswer:
            guard body.count + bytes.count <= limits.maximumLineBytes else {
                throw .tooLarge("it sent JSON of over \(limits.maximumLineBytes) bytes in one piece")
            }
            body.append(contentsOf: bytes)
        case .events:
            var parser = self.parser
            self.parser = ServerSentEvents(limit: 0)
            defer { self.parser = parser }
            let tooLong = try parser.feed(bytes) { (event) throws(Failure) in try take(event, into: &events) }
            if tooLong != nil { throw .tooLarge("it sent a line of over \(limits.maximumLineBytes) bytes") }
        }
    }

    /// The body has ended.
    ///
    /// - Throws: what is wrong, `.cutOff` where the answer is not complete.
    package mutating func finish(into events: inout [ChatEvent]) throws(Failure) {
        switch form {
        case .wholeAnswer: try take(ServerSentEvents.Event(data: body, isError: false, isWhole: true), into: &events)
        case .events:
            if let event = parser.finish() {
                hasEvents = true
                do throws(Failure) {
                    try take(event, into: &events)
                } catch .badResponse where !event.isWhole {
                    // Half an event at the end of a broken connection is no JSON, and that is not the server's word.
                }
            }
        }
        guard isDone || finishReason != nil else {
            throw hasEvents || received == 0 ? .cutOff : .badResponse("what it sent is no stream of a chat completion")
        }
        if finishReason == nil {
            finishReason = .unstated
            events.append(.finish(.unstated))
        }
    }

    private mutating func take(_ event: ServerSentEvents.Event, into events: inout [ChatEvent]) throws(Failure) {
        if Self.isDone(event.data) {
            guard hasEvents else { throw .badResponse("its stream ended before it had begun") }
            isDone = true
            if finishReason == nil {
                finishReason = .unstated
                events.append(.finish(.unstated))
            }
            return
        }
        guard !isDone, !(event.data.isEmpty && !event.isError) else { return }
        let chunk: ChatChunk
        do throws(JSONCursor.Failure) {
            chunk = try ChatChunk(reading: event.data)
        } catch {
            if event.isError { throw .server(code: nil, message: String(decoding: event.data, as: UTF8.self)) }
            throw .badResponse("an event of its stream is wrong: \(error.reason)")
        }
        if let error = chunk.error { throw .server(code: error.code, message: error.text) }
        if event.isError {
            let error = ChatChunk.ServerError(reading: event.data)
            throw .server(code: error?.code, message: error?.text ?? String(decoding: event.data, as: UTF8.self))
        }
        guard !chunk.isKeepAlive else { return }
        guard chunk.isChunk else { throw .badResponse("an event of its stream is no chunk of a chat completion") }
        hasEvents = true
        add(chunk, to: &events)
    }

    /// Some servers put a blank behind it.
    private static func isDone(_ data: [UInt8]) -> Bool {
        let word = "[DONE]".utf8
        return data.starts(with: word) && data.dropFirst(word.count).allSatisfy { $0 == UInt8(ascii: " ") }
    }

    private mutating func add(_ chunk: ChatChunk, to events: inout [ChatEvent]) {
        if let usage = chunk.usage { self.usage = usage }
        let choice = chunk.choice
        if let role = choice.role, !role.isEmpty, !hasOutput { pendingRole = role }
        let hasContent = !choice.text.isEmpty || !choice.reasoning.isEmpty || !choice.toolCalls.isEmpty
        // It was not the end after all: some servers give a reason with every chunk.
        if hasContent { finishReason = nil }
        if hasContent || choice.finishReason != nil {
            hasOutput = true
            // Kept until now, so that a server that fails before its first token can still be replaced.
            if let role = pendingRole {
                events.append(.role(role))
                pendingRole = nil
            }
        }
        if !choice.reasoning.isEmpty {
            events.append(.reasoning(choice.reasoning))
            completionBytes += choice.reasoning.utf8.count
        }
        if !choice.text.isEmpty {
            events.append(.text(choice.text))
            completionBytes += choice.text.utf8.count
        }
        for call in choice.toolCalls {
            events.append(.toolCall(call))
            completionBytes += call.arguments.utf8.count + (call.name?.utf8.count ?? 0)
        }
        if let reason = choice.finishReason, finishReason == nil {
            finishReason = FinishReason(rawValue: reason)
            events.append(.finish(FinishReason(rawValue: reason)))
        }
    }

    /// From the server's own numbers, else reckoned from bytes.
    package func finalUsage(promptBytes: Int) -> TokenUsage {
        var reckoned = TokenUsage.estimated(promptBytes: promptBytes, completionBytes: completionBytes)
        if let prompt = usage?.prompt { reckoned.prompt = prompt }
        if let completion = usage?.completion { reckoned.completion = completion }
        if let cached = usage?.cached { reckoned.cached = min(cached, reckoned.prompt) }
        reckoned.isEstimated = usage?.prompt == nil || usage?.completion == nil
        return reckoned
    }
}
