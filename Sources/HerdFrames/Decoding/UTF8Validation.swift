extension UnsafeRawBufferPointer {
    /// Whether the bytes are well-formed UTF-8 (Unicode 16, table 3-7): no overlong forms, no surrogates.
    package var isValidUTF8: Bool {
        var position = 0
        // Almost all text in frames is ASCII: eight bytes at a time.
        while count - position >= 8 {
            let word = loadUnaligned(fromByteOffset: position, as: UInt64.self)
            if word & 0x8080_8080_8080_8080 != 0 { break }
            position += 8
        }
        while position < count, self[position] < 0x80 { position += 1 }
        if position == count { return true }
        let rest = UnsafeRawBufferPointer(rebasing: self[position...])
        return (try? UTF8Span(validating: rest.assumingMemoryBound(to: UInt8.self).span)) != nil
    }
}
