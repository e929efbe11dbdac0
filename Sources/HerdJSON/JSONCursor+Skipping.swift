extension JSONCursor {
    /// Takes any value without keeping it, and without recursion.
    package mutating func skipValue() throws(Failure) {
        var open = OpenContainers()
        repeat {
            if try !skipScalar() {
                let isObject = bytes[position] == UInt8(ascii: "{")
                guard isLenient || open.depth < Self.maximumDepth else {
                    throw Failure("arrays and objects are nested over \(Self.maximumDepth) deep")
                }
                position += 1
                if !take(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
                    open.push(isObject: isObject)
                    if isObject { try skipKey() }
                    continue
                }
            }
            try skipToNext(&open)
        } while open.depth > 0
    }

    /// - Returns: false where an array or an object is next, which is not taken.
    private mutating func skipScalar() throws(Failure) -> Bool {
        switch peek() {
        case UInt8(ascii: "{"), UInt8(ascii: "["): return false
        case UInt8(ascii: "\""): _ = try skipString { "a value" }
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        default: _ = try skipNumber { "a value" }
        }
        return true
    }

    /// Behind a value: takes all up to the next one within what is open, or to the end of that.
    private mutating func skipToNext(_ open: inout OpenContainers) throws(Failure) {
        while open.depth > 0 {
            let isObject = open.isInObject
            if take(UInt8(ascii: ",")) { return isObject ? try skipKey() : () }
            guard take(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                throw unexpected(isObject ? "a comma or a closing brace" : "a comma or a closing bracket")
            }
            open.pop()
        }
    }

    private mutating func skipKey() throws(Failure) {
        guard peek() == UInt8(ascii: "\"") else { throw unexpected("a key in quotes") }
        _ = try skipString { "a key" }
        guard take(UInt8(ascii: ":")) else { throw unexpected("a colon") }
    }
}

/// Which of the arrays and objects that are open are objects: a bit for each, the first 64 without an allocation.
private struct OpenContainers {
    private(set) var depth = 0
    private var bits: UInt64 = 0
    private var outer: [UInt64] = []

    var isInObject: Bool { bits & 1 == 1 }

    mutating func push(isObject: Bool) {
        if depth > 0, depth.isMultiple(of: 64) {
            outer.append(bits)
            bits = 0
        }
        bits = bits << 1 | (isObject ? 1 : 0)
        depth += 1
    }

    mutating func pop() {
        depth -= 1
        bits >>= 1
        if depth > 0, depth.isMultiple(of: 64) { bits = outer.removeLast() }
    }
}
