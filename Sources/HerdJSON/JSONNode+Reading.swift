extension JSONNode {
    /// Nested arrays and objects of a text that is read whole; deeper is refused.
    package static let maximumDepth = 100

    /// Reads one JSON text. Keys keep their order; an object that has a key twice is refused.
    ///
    /// - Parameter name: What the text is called in failures, "the request".
    /// - Throws: what is wrong and at which byte or in which value, as `goals[2].name`.
    package init(reading bytes: [UInt8], name: String = "the text") throws(JSONCursor.Failure) {
        var cursor = JSONCursor(bytes, name: name)
        var path = JSONPath()
        self = try Self.read(&cursor, &path, name: name)
        try cursor.finish()
    }

    private static func read(
        _ cursor: inout JSONCursor, _ path: inout JSONPath, name: String
    ) throws(JSONCursor.Failure) -> JSONNode {
        guard path.depth <= maximumDepth else {
            throw JSONCursor.Failure("\(name) nests arrays and objects over \(maximumDepth) deep")
        }
        // A description takes its time, and only a failure needs it.
        var what: String { path.depth == 0 ? name : path.description }
        switch cursor.peek() {
        case UInt8(ascii: "{"):
            var members: [(key: String, value: JSONNode)] = []
            var seen = Set<String>()
            try cursor.object(name) { (cursor, key) throws(JSONCursor.Failure) in
                path.push(key: key)
                guard seen.insert(key).inserted else { throw JSONCursor.Failure("\(path) is given twice") }
                members.append((key, try read(&cursor, &path, name: name)))
                path.pop()
            }
            return .object(members)
        case UInt8(ascii: "["):
            var items: [JSONNode] = []
            try cursor.array(name) { (cursor) throws(JSONCursor.Failure) in
                path.push(index: items.count)
                items.append(try read(&cursor, &path, name: name))
                path.pop()
            }
            return .array(items)
        case UInt8(ascii: "\""): return .string(try cursor.string(what))
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool(try cursor.boolean(name))
        case UInt8(ascii: "n"):
            _ = try cursor.null()
            return .null
        default: return .number(try cursor.numberText(what))
        }
    }
}
