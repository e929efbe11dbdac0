package import HerdMessages

/// What is to be answered, as the draft's request has it and as critique and rewrite are told of it.
///
/// A critique is asked for with the conversation as text, not as a further turn of it: one wording then does for a prompt
/// and for a conversation, a model that did not write the draft is not made to believe it did, and the request holds the
/// newest answer only, not every earlier one with its critique. System messages stay messages, as they bind the rewrite
/// too; images go along, after the text.
package struct RefinedInput: Sendable {
    /// Of the draft.
    package let draft: [ChatMessage]
    private let system: [ChatMessage]
    private let images: [ContentPart]
    /// What `{{prompt}}` stands for.
    package let text: String

    package init(prompt: String) {
        draft = [ChatMessage(role: "user", content: [ContentPart(part: .text(prompt))])]
        system = []
        images = []
        text = prompt
    }

    package init(messages: [ChatMessage]) {
        draft = messages
        let rules: Set<String> = ["system", "developer"]
        system = messages.filter { rules.contains($0.role) }
        let turns = messages.filter { !rules.contains($0.role) }
        var images: [ContentPart] = []
        let texts = turns.map { turn in Self.text(of: turn, &images) }
        self.images = images
        // One question is told as it is.
        if turns.count == 1, turns[0].role == "user" {
            text = texts[0]
        } else {
            text = zip(turns, texts).map { turn, text in "\(Self.speaker(turn)): \(text)" }.joined(separator: "\n\n")
        }
    }

    /// A request about the input, with what it must keep to.
    package func asking(_ question: String) -> [ChatMessage] {
        system + [ChatMessage(role: "user", content: [ContentPart(part: .text(question))] + images)]
    }

    private static func speaker(_ turn: ChatMessage) -> String {
        let role =
            switch turn.role {
            case "assistant": "Assistant"
            case "tool": "Tool"
            default: "User"
            }
        return turn.name.isEmpty ? role : "\(role) (\(turn.name))"
    }

    private static func text(of turn: ChatMessage, _ images: inout [ContentPart]) -> String {
        var pieces: [String] = []
        for part in turn.content {
            switch part.part {
            case .text(let text)?: pieces.append(text)
            case .imageUrl?:
                images.append(part)
                pieces.append("[image \(images.count)]")
            case nil: break
            }
        }
        pieces += turn.toolCalls.map { "[calls \($0.name)(\($0.arguments))]" }
        return pieces.joined(separator: "\n")
    }
}
