/// Where in a JSON text a value is, as people write it: `goals[2].name`.
package struct JSONPath: CustomStringConvertible {
    private enum Step {
        case key(String)
        case index(Int)
    }

    /// Of a key, so that an outside text never puts control characters or a wall of text on a terminal.
    private static let longestKey = 60

    private var steps: [Step] = []

    package init() {}

    package var depth: Int { steps.count }

    package mutating func push(key: String) { steps.append(.key(key)) }

    package mutating func push(index: Int) { steps.append(.index(index)) }

    package mutating func pop() { steps.removeLast() }

    package var description: String {
        var text = ""
        for step in steps {
            switch step {
            case .key(let key): text += (text.isEmpty ? "" : ".") + Self.shown(key)
            case .index(let index): text += "[\(index)]"
            }
        }
        return text
    }

    /// A key that is no plain name is quoted.
    private static func shown(_ key: String) -> String {
        let isPlain =
            !key.isEmpty
            && key.utf8.allSatisfy {
                $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") || ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A)
                    || (0x30...0x39).contains($0)
            }
        let short = key.unicodeScalars.count <= longestKey ? key : String(key.unicodeScalars.prefix(longestKey)) + "..."
        return isPlain ? short : JSONNode.string(short).text()
    }
}
