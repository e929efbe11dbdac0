/// A strict, forward-only reader of one JSON text (RFC 8259), for texts whose shape is known.
///
/// Written out rather than taken from FoundationEssentials because it has to name what is wrong in a person's terms, to
/// refuse duplicate keys, and to read thousands of lines a second.
package struct JSONCursor {
    /// What is wrong with the text, as a sentence without a full stop.
    package struct Failure: Error, Equatable {
        package var reason: String

        package init(_ reason: String) {
            self.reason = reason
        }
    }

    /// Nested arrays and objects in a value that is skipped by a strict reader; deeper is refused.
    package static let maximumDepth = 64

    let bytes: [UInt8]
    let name: String
    let isLenient: Bool
    var position: Int

    /// - Parameters:
    ///   - name: What the text is called in failures, "the line".
    ///   - isLenient: Whether half a surrogate pair is read as U+FFFD, and values may be skipped however deep they are
    ///     nested: for texts of strangers, of which a part is wanted.
    package init(_ bytes: [UInt8], name: String = "the text", isLenient: Bool = false) {
        self.bytes = bytes
        self.name = name
        self.isLenient = isLenient
        let hasMark = bytes.count >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF
        position = hasMark ? 3 : 0
    }

    // MARK: - Structure

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"): position += 1
            default: return
            }
        }
    }

    /// The next byte that is not white space, without taking it.
    package mutating func peek() -> UInt8? {
        skipSpace()
        return position < bytes.count ? bytes[position] : nil
    }

    mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    func unexpected(_ wanted: String) -> Failure {
        position < bytes.count
            ? Failure("not valid JSON: \(wanted) expected at byte \(position + 1)")
            : Failure("not valid JSON: \(name) ends where \(wanted) is expected")
    }

    /// Checks that nothing but white space is left.
    package mutating func finish() throws(Failure) {
        if peek() != nil { throw unexpected("the end of \(name)") }
    }

    /// Calls `field` for each key of an object; it must take the value.
    package mutating func object(
        _ what: String, _ field: (inout JSONCursor, String) throws(Failure) -> Void
    ) throws(Failure) {
        try fields(what) { (cursor, key) throws(Failure) in try field(&cursor, key.text) }
    }

    /// The same for keys that are only compared, which makes no strings of them.
    package mutating func fields(
        _ what: String, _ field: (inout JSONCursor, JSONKey) throws(Failure) -> Void
    ) throws(Failure) {
        guard take(UInt8(ascii: "{")) else { throw mismatch(what, "an object") }
        if take(UInt8(ascii: "}")) { return }
        repeat {
            try field(&self, try key())
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw unexpected("a comma or a closing brace") }
    }

    private mutating func key() throws(Failure) -> JSONKey {
        guard peek() == UInt8(ascii: "\"") else { throw unexpected("a key in quotes") }
        let start = position + 1
        let isPlain = try skipString { "a key" }.isPlain
        let end = position - 1
        let unescaped = isPlain ? nil : try unescaped({ "a key" }, from: start)
        guard take(UInt8(ascii: ":")) else { throw unexpected("a colon") }
        return unescaped.map { JSONKey($0, 0..<$0.count) } ?? JSONKey(bytes, start..<end)
    }

    /// Calls `element` for each element of an array; it must take the value.
    package mutating func array(_ what: String, _ element: (inout JSONCursor) throws(Failure) -> Void) throws(Failure) {
        guard take(UInt8(ascii: "[")) else { throw mismatch(what, "an array") }
        if take(UInt8(ascii: "]")) { return }
        repeat {
            try element(&self)
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw unexpected("a comma or a closing bracket") }
    }

    /// Takes `true` or `false`.
    package mutating func boolean(_ what: String) throws(Failure) -> Bool {
        switch peek() {
        case UInt8(ascii: "t"):
            try literal("true")
            return true
        case UInt8(ascii: "f"):
            try literal("false")
            return false
        default: throw mismatch(what, "true or false")
        }
    }

    /// Takes `null` if it is next.
    package mutating func null() throws(Failure) -> Bool {
        guard peek() == UInt8(ascii: "n") else { return false }
        try literal("null")
        return true
    }

    mutating func literal(_ word: StaticString) throws(Failure) {
        for index in 0..<word.utf8CodeUnitCount {
            guard position < bytes.count, bytes[position] == (word.utf8Start + index).pointee else {
                throw unexpected("a JSON value")
            }
            position += 1
        }
    }

    private func isNext(_ word: String) -> Bool {
        bytes[position...].starts(with: word.utf8)
    }

    /// A failure for a value of another type, or for no value at all.
    func mismatch(_ what: String, _ wanted: String) -> Failure {
        guard position < bytes.count else { return unexpected("a JSON value") }
        let found =
            switch bytes[position] {
            case UInt8(ascii: "{"): "an object"
            case UInt8(ascii: "["): "an array"
            case UInt8(ascii: "\""): "a string"
            case UInt8(ascii: "t") where isNext("true"), UInt8(ascii: "f") where isNext("false"): "a boolean"
            case UInt8(ascii: "n") where isNext("null"): "null"
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): "a number"
            default: ""
            }
        return found.isEmpty ? unexpected("a JSON value") : Failure("\(what) must be \(wanted), not \(found)")
    }
}
