extension JSONCursor {
    /// Takes a string; its bytes must be UTF-8 and its escapes must make whole characters.
    package mutating func string(_ what: @autoclosure () -> String) throws(Failure) -> String {
        guard peek() == UInt8(ascii: "\"") else { throw mismatch(what(), "a string") }
        let start = position + 1
        let content = try skipString(what)
        guard content.isPlain else {
            let text = try unescaped(what, from: start)
            return String(copying: UTF8Span(unchecked: text.span))
        }
        // It has been looked at once, as it was skipped.
        let text = bytes.span.extracting(start..<position - 1)
        return String(copying: UTF8Span(unchecked: text, isKnownASCII: content.isASCII))
    }

    /// What a string that is next looks like between its quotes; its UTF-8 and its escapes are right.
    struct StringContent {
        /// There are no escapes.
        var isPlain: Bool
        /// As it is written.
        var isASCII: Bool
    }

    /// Takes a string without keeping it. A quote is next.
    mutating func skipString(_ what: () -> String) throws(Failure) -> StringContent {
        position += 1
        let start = position
        var (isPlain, allBits) = (true, UInt8(0))
        while true {
            allBits |= skipPlainBytes()
            guard position < bytes.count else { throw Failure("not valid JSON: \(name) ends inside \(what())") }
            switch bytes[position] {
            case UInt8(ascii: "\""):
                let isASCII = allBits < 0x80
                guard isASCII || isUnicode(start..<position) else { throw Failure("\(what()) is not valid UTF-8") }
                position += 1
                return StringContent(isPlain: isPlain, isASCII: isASCII)
            case UInt8(ascii: "\\"):
                isPlain = false
                position += 1
                _ = try escape(what)
            default:
                throw Failure("not valid JSON: \(what()) has a control character that is not escaped")
            }
        }
    }

    /// Takes bytes that stand for themselves.
    ///
    /// - Returns: all bits that are set in any of them.
    private mutating func skipPlainBytes() -> UInt8 {
        bytes.withUnsafeBufferPointer { bytes in
            var (next, allBits) = (position, UInt8(0))
            while next < bytes.count {
                let byte = bytes[next]
                guard byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") else { break }
                allBits |= byte
                next += 1
            }
            position = next
            return allBits
        }
    }

    private func isUnicode(_ range: Range<Int>) -> Bool {
        do {
            _ = try UTF8Span(validating: bytes.span.extracting(range))
            return true
        } catch {
            return false
        }
    }

    /// A string that has been skipped, from behind its first quote, with what its escapes stand for.
    mutating func unescaped(_ what: () -> String, from start: Int) throws(Failure) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(position - start)
        position = start
        while bytes[position] != UInt8(ascii: "\"") {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\\") {
                for unit in Unicode.UTF8.encode(try escape(what)) ?? Unicode.UTF8.encodedReplacementCharacter {
                    text.append(unit)
                }
            } else {
                text.append(byte)
            }
        }
        position += 1
        return text
    }

    // MARK: - Escapes

    /// Takes what follows a backslash.
    private mutating func escape(_ what: () -> String) throws(Failure) -> Unicode.Scalar {
        guard position < bytes.count else { throw Failure("not valid JSON: \(name) ends inside \(what())") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try unicodeEscape(what)
        default: throw Failure("not valid JSON: \(what()) has an unknown escape")
        }
    }

    private mutating func unicodeEscape(_ what: () -> String) throws(Failure) -> Unicode.Scalar {
        let code = try hexadecimal(what)
        if let scalar = Unicode.Scalar(code) { return scalar }
        if code < 0xDC00, position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u")
        {
            let afterFirst = position
            position += 2
            let low = try hexadecimal(what)
            if (0xDC00..<0xE000).contains(low),
                let scalar = Unicode.Scalar(0x10000 + (code - 0xD800) << 10 + (low - 0xDC00))
            {
                return scalar
            }
            // It stands for itself.
            position = afterFirst
        }
        guard isLenient else { throw Failure("\(what()) has half a surrogate pair") }
        return "\u{FFFD}"
    }

    private mutating func hexadecimal(_ what: () -> String) throws(Failure) -> UInt32 {
        guard position + 4 <= bytes.count else { throw Failure("not valid JSON: \(name) ends inside \(what())") }
        var code: UInt32 = 0
        for _ in 0..<4 {
            let byte = bytes[position]
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default:
                throw Failure("not valid JSON: \(what()) has a \\u that is not followed by four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }
}
