import HerdFrames
import HerdMessages
import HerdPolicy

/// What a request's prompt or messages come down to for a decision.
struct PromptText: Equatable {
    /// What is predicted from: the last user message, then earlier user turns, newest first; system, assistant and
    /// tool text is left out. Without prompt flags where the policy reads them.
    var text: String
    var flags: PromptFlags?
    /// Bytes of the messages that are not in `text`; they count towards the context window and the cost.
    var otherBytes: Int
    var neededCapabilities: Set<String>

    /// Earlier turns stop being added past this many bytes: the predictor reads 512 tokens at most.
    private static let enoughBytes = 16_384
    private static let mostMessages = 10_000
    private static let roles: Set<String> = ["system", "developer", "user", "assistant", "tool"]

    /// - Parameter readsFlags: whether flags in the last user message are read and removed.
    init(_ request: RouteRequest, readsFlags: Bool) throws(CallError) {
        switch (request.prompt.isEmpty, request.messages.isEmpty) {
        case (true, true):
            throw CallError(.invalidArgument, "prompt and messages are both empty; give exactly one of them")
        case (false, false):
            throw CallError(.invalidArgument, "prompt and messages are both given; give exactly one of them")
        case (false, true):
            self.init(lastMessage: request.prompt, readsFlags: readsFlags)
        case (true, false):
            try self.init(messages: request.messages, readsFlags: readsFlags)
        }
    }

    private init(lastMessage: String, readsFlags: Bool) {
        flags = readsFlags ? PromptFlags(reading: lastMessage) : nil
        text = flags?.text ?? lastMessage
        otherBytes = 0
        neededCapabilities = []
    }

    private init(messages: [ChatMessage], readsFlags: Bool) throws(CallError) {
        try Self.check(messages)
        guard let last = messages.lastIndex(where: { $0.role == "user" }) else {
            throw CallError(.invalidArgument, "messages must hold at least one of role user")
        }
        self.init(lastMessage: Self.text(of: messages[last]), readsFlags: readsFlags)
        for message in messages {
            for call in message.toolCalls { otherBytes += call.name.utf8.count + call.arguments.utf8.count }
        }
        for (index, message) in messages.enumerated().reversed() where index != last {
            let content = Self.text(of: message)
            if message.role == "user", index < last, text.utf8.count < Self.enoughBytes {
                text += "\n" + content
            } else {
                otherBytes += content.utf8.count
            }
        }
        if messages.contains(where: Self.hasImage) { neededCapabilities.insert("vision") }
        // A conversation in which tools were called can only go on where they are understood.
        if messages.contains(where: { !$0.toolCalls.isEmpty || $0.role == "tool" }) {
            neededCapabilities.insert("tools")
        }
    }

    /// Whether the user has said and shown nothing.
    var isBlank: Bool {
        !neededCapabilities.contains("vision") && text.unicodeScalars.allSatisfy(\.properties.isWhitespace)
    }

    /// That there are not too many, and that each has a role.
    static func check(_ messages: [ChatMessage]) throws(CallError) {
        guard messages.count <= mostMessages else {
            throw CallError(
                .invalidArgument, "messages holds at most \(mostMessages) entries, not \(messages.count)")
        }
        for (index, message) in messages.enumerated() where !roles.contains(message.role) {
            throw CallError(
                .invalidArgument,
                "messages[\(index)].role must be system, developer, user, assistant or tool, not "
                    + "'\(message.role.prefix(40))'")
        }
    }

    private static func text(of message: ChatMessage) -> String {
        var texts: [String] = []
        for part in message.content {
            if case .text(let text)? = part.part { texts.append(text) }
        }
        return texts.joined(separator: "\n")
    }

    private static func hasImage(_ message: ChatMessage) -> Bool {
        message.content.contains { content in
            if case .imageUrl? = content.part { true } else { false }
        }
    }
}
