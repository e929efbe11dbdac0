/// A JSON value whose keys keep their order.
indirect enum JSONText {
    case object([(String, JSONText)])
    case array([JSONText])
    case string(String)
    case integer(Int)
    /// Null unless finite.
    case number(Double)
    case boolean(Bool)
    case null

    /// A share, 0..1, with six decimals; null for nil.
    static func share(_ value: Double?) -> JSONText { rounded(value, 1e6) }

    /// A share as per cent with two decimals; null for nil.
    static func perCent(_ share: Double?) -> JSONText { rounded(share.map { $0 * 100 }, 100) }

    private static func rounded(_ value: Double?, _ scale: Double) -> JSONText {
        value.map { .number(($0 * scale).rounded() / scale) } ?? .null
    }

    /// Indented by two spaces.
    var text: String {
        var result = ""
        write(to: &result, indent: "")
        return result
    }

    private func write(to text: inout String, indent: String) {
        switch self {
        case .object(let members) where members.isEmpty: text += "{}"
        case .object(let members):
            text += "{\n"
            for (index, member) in members.enumerated() {
                text += indent + "  " + Self.quoted(member.0) + ": "
                member.1.write(to: &text, indent: indent + "  ")
                text += index == members.count - 1 ? "\n" : ",\n"
            }
            text += indent + "}"
        case .array(let elements):
            text += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { text += ", " }
                element.write(to: &text, indent: indent)
            }
            text += "]"
        case .string(let string): text += Self.quoted(string)
        case .integer(let value): text += String(value)
        case .number(let value):
            let isWhole = value.rounded() == value && abs(value) < 1e15
            text += !value.isFinite ? "null" : isWhole ? String(Int64(value)) : String(value)
        case .boolean(let value): text += value ? "true" : "false"
        case .null: text += "null"
        }
    }

    private static func quoted(_ string: String) -> String {
        var result = "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{0}"..<"\u{20}", "\u{7F}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
