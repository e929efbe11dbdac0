package import CMessages
package import HerdJSON
package import HerdMessages

/// Messages as JSON: keys are the .proto field names, every singular field and list is there, maps are objects sorted
/// by key, enums are their names, bytes are base64, 64-bit integers are numbers, and NaN and the infinities are the
/// strings of protobuf's JSON mapping, "NaN", "Infinity" and "-Infinity".
package enum MessageJSON {
    package static func text(of message: some Message, onOneLine: Bool = false) -> String {
        node(of: message).text(onOneLine: onOneLine)
    }

    package static func node(of message: some Message) -> JSONNode {
        let prepared = message.prepared()
        return prepared.withMessage { MessageReader.object($0) }
    }

    /// The same of protobuf-c's struct.
    package static func node(of message: UnsafePointer<ProtobufCMessage>) -> JSONNode {
        MessageReader.object(message)
    }
}

/// Messages for people: a line for each field that says something, nested fields indented.
package enum MessageFields {
    /// - Parameter hidden: names of fields of the outermost message that are shown otherwise.
    package static func text(of message: some Message, leavingOut hidden: Set<String> = []) -> String {
        guard case .object(let members) = MessageJSON.node(of: message) else { return "" }
        return lines(members.filter { !hidden.contains($0.key) }, indent: "")
    }

    private static func lines(_ members: [(key: String, value: JSONNode)], indent: String) -> String {
        var text = ""
        for (name, value) in members {
            let key = PrintableText.escaped(name)
            switch value {
            case .null, .string(""), .number("0"), .bool(false), .array([]): continue
            case .object(let inner):
                let nested = lines(inner, indent: indent + "  ")
                if !nested.isEmpty { text += "\(indent)\(key):\n\(nested)" }
            case .array(let items):
                if items.allSatisfy(\.isScalar) {
                    text += "\(indent)\(key): \(items.map(\.plain).joined(separator: ", "))\n"
                } else {
                    text += "\(indent)\(key):\n"
                    for case .object(let inner) in items { text += lines(inner, indent: indent + "  ") }
                }
            default: text += "\(indent)\(key): \(value.plain)\n"
            }
        }
        return text
    }
}

extension JSONNode {
    fileprivate var isScalar: Bool {
        switch self {
        case .array, .object: false
        default: true
        }
    }

    fileprivate var plain: String {
        if case .string(let value) = self { PrintableText.escaped(value) } else { text(onOneLine: true) }
    }
}
