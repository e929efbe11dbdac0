extension JSONCursor {
    /// Digits that a Double holds without loss, whatever they are.
    private static let exactDigits = 15

    /// Takes a number; never NaN, infinite only if its exponent overflows.
    package mutating func number(_ what: @autoclosure () -> String) throws(Failure) -> Double {
        let range = try skipNumber(what)
        if range.count <= Self.exactDigits, let whole = digits(range) { return Double(whole) }
        guard range.count <= 64, let value = Double(String(decoding: bytes[range], as: UTF8.self)) else {
            throw Failure("\(what()) is not a number that can be represented")
        }
        return value
    }

    /// Takes a number as it is written, so that no digit is lost.
    package mutating func numberText(_ what: @autoclosure () -> String) throws(Failure) -> String {
        String(decoding: bytes[try skipNumber(what)], as: UTF8.self)
    }

    /// Nil where there is anything but digits.
    private func digits(_ range: Range<Int>) -> Int? {
        var value = 0
        for index in range {
            guard isDigit(index) else { return nil }
            value = value * 10 + Int(bytes[index] - UInt8(ascii: "0"))
        }
        return value
    }

    /// - Returns: where it is.
    mutating func skipNumber(_ what: () -> String) throws(Failure) -> Range<Int> {
        let first = peek()
        let start = position
        guard first == UInt8(ascii: "-") || isDigit(position) else { throw mismatch(what(), "a number") }
        if first == UInt8(ascii: "-") { position += 1 }
        let integerStart = position
        guard takeDigits() else { throw unexpected("a digit") }
        let leadingZero = bytes[integerStart] == UInt8(ascii: "0") && position - integerStart > 1
        if leadingZero { throw Failure("not valid JSON: \(what()) starts with a zero") }
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
        return start..<position
    }

    private func isDigit(_ index: Int) -> Bool {
        index < bytes.count && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index])
    }

    private mutating func takeDigits() -> Bool {
        let start = position
        while isDigit(position) { position += 1 }
        return position > start
    }
}
