/// A JSON value with its keys in a chosen order.
package enum JSONNode: Sendable, Equatable {
    case null
    case bool(Bool)
    /// A number as it is written, so that no digit is lost between integers, floats and doubles.
    case number(String)
    case string(String)
    case array([JSONNode])
    case object([(key: String, value: JSONNode)])

    package static func number(_ value: Double) -> JSONNode {
        value.isFinite ? .number(trimmed("\(value)")) : .null
    }

    package static func number(_ value: Float) -> JSONNode {
        value.isFinite ? .number(trimmed("\(value)")) : .null
    }

    package static func number(_ value: some BinaryInteger) -> JSONNode {
        .number("\(value)")
    }

    /// "3.0" is an ordinary JSON number, but "3" is what people expect.
    private static func trimmed(_ text: String) -> String {
        text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    package static func == (left: JSONNode, right: JSONNode) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)): left == right
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)):
            left.count == right.count && zip(left, right).allSatisfy { $0.key == $1.key && $0.value == $1.value }
        default: false
        }
    }
}

extension JSONNode {
    /// JSON text; several lines indented by two spaces, or one line.
    package func text(onOneLine: Bool = false) -> String {
        var text = ""
        write(to: &text, indent: onOneLine ? nil : 0)
        return text
    }

    private func write(to text: inout String, indent: Int?) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .number(let digits): text += digits
        case .string(let value): Self.writeQuoted(value, to: &text)
        case .array(let items):
            Self.writeList(items, open: "[", close: "]", to: &text, indent: indent) { item, text, indent in
                item.write(to: &text, indent: indent)
            }
        case .object(let members):
            Self.writeList(members, open: "{", close: "}", to: &text, indent: indent) { member, text, indent in
                Self.writeQuoted(member.key, to: &text)
                text += indent == nil ? ":" : ": "
                member.value.write(to: &text, indent: indent)
            }
        }
    }

    private static func writeList<Item>(
        _ items: [Item], open: String, close: String, to text: inout String, indent: Int?,
        item write: (Item, inout String, Int?) -> Void
    ) {
        text += open
        let inner = indent.map { $0 + 2 }
        for (index, item) in items.enumerated() {
            if index > 0 { text += "," }
            if let inner { text += "\n" + String(repeating: " ", count: inner) }
            write(item, &text, inner)
        }
        if let indent, !items.isEmpty { text += "\n" + String(repeating: " ", count: indent) }
        text += close
    }

    private static func writeQuoted(_ value: String, to text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            // Also what controls a terminal or turns the direction of a line: texts are others' words, and are printed.
            case "\u{0}"..<"\u{20}", "\u{7F}"..<"\u{A0}", "\u{200E}", "\u{200F}", "\u{2028}"..."\u{202E}",
                "\u{2066}"..."\u{2069}":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
