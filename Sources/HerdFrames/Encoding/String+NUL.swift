extension String {
    /// How many bytes the text takes on the wire: its UTF-8, with U+FFFD for each U+0000.
    ///
    /// Peers that keep texts as C strings would lose all that follows a NUL.
    var wireCount: Int { utf8.count + 2 * nulCount }

    private var nulCount: Int {
        if isEmpty { return 0 }
        let count = utf8.withContiguousStorageIfAvailable { units in
            UnsafeRawBufferPointer(units).hasNUL ? units.count { $0 == 0 } : 0
        }
        return count ?? utf8.count { $0 == 0 }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether one of the bytes is 0; looks at eight at a time.
    fileprivate var hasNUL: Bool {
        var position = 0
        while count - position >= 8 {
            let word = loadUnaligned(fromByteOffset: position, as: UInt64.self)
            // The classic: a byte is 0 if subtracting 1 borrows into its top bit, which was not set.
            if (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080 != 0 { return true }
            position += 8
        }
        while position < count {
            if self[position] == 0 { return true }
            position += 1
        }
        return false
    }
}
