import Yams

/// What is wrong with a value of a YAML file, and where.
struct YAMLFailure: Error {
    var reason: String
    /// Counted from 1.
    var line: Int?

    init(_ reason: String, at node: Node? = nil) {
        self.reason = reason
        self.line = node?.mark?.line
    }
}

/// A node of a YAML file with the key it stands under, read as one strict type.
struct YAMLValue {
    let node: Node
    private let key: String

    init(_ node: Node, _ key: String) {
        self.node = node
        self.key = key
    }

    func mapping() throws(YAMLFailure) -> [(key: String, value: YAMLValue)] {
        guard let mapping = node.mapping else {
            throw YAMLFailure("\(key) must be a mapping of keys to values", at: node)
        }
        var pairs: [(key: String, value: YAMLValue)] = []
        for (keyNode, value) in mapping {
            guard let name = keyNode.scalar?.string else { throw YAMLFailure("a key must be plain text", at: keyNode) }
            pairs.append((name, YAMLValue(value, name)))
        }
        return pairs
    }

    func sequence() throws(YAMLFailure) -> [YAMLValue] {
        guard let sequence = node.sequence else { throw YAMLFailure("\(key) must be a list", at: node) }
        return sequence.map { YAMLValue($0, "an entry of \(key)") }
    }

    /// Nil where the value is left out or `null`.
    func text() throws(YAMLFailure) -> String? {
        guard let scalar = node.scalar else { throw YAMLFailure("\(key) must be plain text", at: node) }
        if scalar.style == .plain, ["", "~", "null", "Null", "NULL"].contains(scalar.string) { return nil }
        return scalar.string
    }

    func texts() throws(YAMLFailure) -> [String] {
        var texts: [String] = []
        for value in try sequence() {
            guard let text = try value.text(), !text.isEmpty else {
                throw YAMLFailure("\(key) has an empty entry", at: value.node)
            }
            texts.append(text)
        }
        return texts
    }

    /// A number of 0 or more.
    func number() throws(YAMLFailure) -> Double? {
        guard let text = try text() else { return nil }
        guard let value = Double(text), value.isFinite, value >= 0 else {
            throw YAMLFailure("\(key) is \"\(text)\"; it must be a number of 0 or more", at: node)
        }
        return value
    }

    func number(above limit: Double) throws(YAMLFailure) -> Double? {
        guard let value = try number() else { return nil }
        guard value > limit else {
            throw YAMLFailure("\(key) must be over \(limit); leave it out if it is not known", at: node)
        }
        return value
    }

    func integer() throws(YAMLFailure) -> Int? {
        guard let text = try text() else { return nil }
        guard let value = Int32(text), value > 0 else {
            throw YAMLFailure("\(key) is \"\(text)\"; it must be a whole number from 1 to \(Int32.max)", at: node)
        }
        return Int(value)
    }

    func flag() throws(YAMLFailure) -> Bool? {
        switch try text() {
        case nil: return nil
        case "true": return true
        case "false": return false
        case let text?: throw YAMLFailure("\(key) is \"\(text)\"; it must be true or false", at: node)
        }
    }

    /// A date of the calendar as YYYY-MM-DD.
    func date() throws(YAMLFailure) -> String? {
        guard let text = try text() else { return nil }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard text.utf8.count == 10, text.utf8.allSatisfy({ $0 == 0x2D || (0x30...0x39).contains($0) }),
            parts.map(\.utf8.count) == [4, 2, 2], let year = Int(parts[0]), let month = Int(parts[1]),
            let day = Int(parts[2]), (1...12).contains(month)
        else { throw YAMLFailure("\(key) is \"\(text)\"; it must be a date as YYYY-MM-DD", at: node) }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard day >= 1, day <= days[month - 1] else {
            throw YAMLFailure("\(key) is \"\(text)\", a day that does not exist", at: node)
        }
        return text
    }
}
