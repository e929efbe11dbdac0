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

    /// Nested arrays and objects in a value that is skipped; deeper is refused rather than recursed into.
    package static let maximumDepth = 64

    private let bytes: [UInt8]
    private let name: String
    private var position: Int

    /// - Parameter name: What the text is called in failures, "the line".
    package init(_ bytes: [UInt8], name: String = "the text") {
        self.bytes = bytes
        self.name = name
        self.position = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
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

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    private func unexpected(_ wanted: String) -> Failure {
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
        guard take(UInt8(ascii: "{")) else { throw mismatch(what, "an object") }
        if take(UInt8(ascii: "}")) { return }
        repeat {
            guard peek() == UInt8(ascii: "\"") else { throw unexpected("a key in quotes") }
            let key = try string("a key")
            guard take(UInt8(ascii: ":")) else { throw unexpected("a colon") }
            try field(&self, key)
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw unexpected("a comma or a closing brace") }
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

    private mutating func literal(_ word: StaticString) throws(Failure) {
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

    /// Takes any value without keeping it.
    package mutating func skipValue(depth: Int = 0) throws(Failure) {
        guard depth < Self.maximumDepth else {
            throw Failure("arrays and objects are nested over \(Self.maximumDepth) deep")
        }
        switch peek() {
        case UInt8(ascii: "{"):
            try object("a value") { (cursor, _) throws(Failure) in try cursor.skipValue(depth: depth + 1) }
        case UInt8(ascii: "["):
            try array("a value") { (cursor) throws(Failure) in try cursor.skipValue(depth: depth + 1) }
        case UInt8(ascii: "\""): _ = try string("a value")
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        default: _ = try number("a value")
        }
    }

    /// A failure for a value of another type, or for no value at all.
    private func mismatch(_ what: String, _ wanted: String) -> Failure {
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

    // MARK: - Numbers

    /// Takes a number; never NaN, infinite only if its exponent overflows.
    package mutating func number(_ what: String) throws(Failure) -> Double {
        let digits = try numberBytes(what)
        if digits.count == 1, let digit = digits.first { return Double(digit - UInt8(ascii: "0")) }
        guard digits.count <= 64, let value = Double(String(decoding: digits, as: UTF8.self)) else {
            throw Failure("\(what) is not a number that can be represented")
        }
        return value
    }

    /// Takes a number as it is written, so that no digit is lost.
    package mutating func numberText(_ what: String) throws(Failure) -> String {
        String(decoding: try numberBytes(what), as: UTF8.self)
    }

    private mutating func numberBytes(_ what: String) throws(Failure) -> ArraySlice<UInt8> {
        let first = peek()
        let start = position
        guard first == UInt8(ascii: "-") || isDigit(first) else { throw mismatch(what, "a number") }
        if first == UInt8(ascii: "-") { position += 1 }
        let integerStart = position
        guard takeDigits() else { throw unexpected("a digit") }
        let leadingZero = bytes[integerStart] == UInt8(ascii: "0") && position - integerStart > 1
        if leadingZero { throw Failure("not valid JSON: \(what) starts with a zero") }
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            position += 1
            guard takeDigits() else { throw unexpected("a digit") }
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
                position += 1
            }
            guard takeDigits() else { throw unexpected("a digit") }
        }
        return bytes[start..<position]
    }

    private func isDigit(_ byte: UInt8?) -> Bool {
        byte.map { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") } ?? false
    }

    private mutating func takeDigits() -> Bool {
        let start = position
        while position < bytes.count, isDigit(bytes[position]) { position += 1 }
        return position > start
    }

    // MARK: - Strings

    /// Takes a string; its bytes must be UTF-8 and its escapes must make whole characters.
    package mutating func string(_ what: String) throws(Failure) -> String {
        guard take(UInt8(ascii: "\"")) else { throw mismatch(what, "a string") }
        let start = position
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                let text = bytes[start..<position]
                position += 1
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw Failure("\(what) is not valid UTF-8")
                }
                return string
            }
            if byte == UInt8(ascii: "\\") { return try escapedString(what, from: start) }
            if byte < 0x20 { throw Failure("not valid JSON: \(what) has a control character that is not escaped") }
            position += 1
        }
        throw Failure("not valid JSON: \(name) ends inside \(what)")
    }

    /// Goes on with a string at its first escape.
    private mutating func escapedString(_ what: String, from start: Int) throws(Failure) -> String {
        var text = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw Failure("\(what) is not valid UTF-8")
                }
                return string
            case UInt8(ascii: "\\"):
                try escape(what, into: &text)
            case 0..<0x20:
                throw Failure("not valid JSON: \(what) has a control character that is not escaped")
            default:
                text.append(byte)
            }
        }
        throw Failure("not valid JSON: \(name) ends inside \(what)")
    }

    private mutating func escape(_ what: String, into text: inout [UInt8]) throws(Failure) {
        guard position < bytes.count else { throw Failure("not valid JSON: \(name) ends inside \(what)") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hexadecimal(what)
            if (0xD800..<0xDC00).contains(code) {
                guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                    bytes[position + 1] == UInt8(ascii: "u")
                else { throw Failure("\(what) has half a surrogate pair") }
                position += 2
                let low = try hexadecimal(what)
                guard (0xDC00..<0xE000).contains(low) else { throw Failure("\(what) has half a surrogate pair") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw Failure("\(what) has half a surrogate pair") }
            text.append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
        default:
            throw Failure("not valid JSON: \(what) has an unknown escape")
        }
    }

    private mutating func hexadecimal(_ what: String) throws(Failure) -> UInt32 {
        guard position + 4 <= bytes.count else { throw Failure("not valid JSON: \(name) ends inside \(what)") }
        var code: UInt32 = 0
        for _ in 0..<4 {
            let byte = bytes[position]
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw Failure("not valid JSON: \(what) has a \\u that is not followed by four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }
}
