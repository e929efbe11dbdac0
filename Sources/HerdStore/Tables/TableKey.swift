/// A type that tables can be keyed by: its bytes sort, compared as unsigned bytes, as its values should.
package protocol TableKey: Sendable {
    /// Lends the encoded key, 1 to 511 bytes, to `body`.
    func withKeyBytes<R>(_ body: (RawSpan) throws(StoreError) -> R) throws(StoreError) -> R
    /// The key that these bytes encode, or nil where they encode none.
    init?(keyBytes: RawSpan)
}

extension [UInt8]: TableKey {
    package func withKeyBytes<R>(_ body: (RawSpan) throws(StoreError) -> R) throws(StoreError) -> R {
        try body(unsafe span.bytes)
    }

    package init(keyBytes: RawSpan) {
        self = unsafe keyBytes.withUnsafeBytes { bytes in unsafe Array(bytes) }
    }
}

/// A string is its UTF-8 and sorts by Unicode scalar.
extension String: TableKey {
    package func withKeyBytes<R>(_ body: (RawSpan) throws(StoreError) -> R) throws(StoreError) -> R {
        try body(unsafe utf8.span.bytes)
    }

    package init?(keyBytes: RawSpan) {
        guard let text = unsafe keyBytes.withUnsafeBytes({ bytes in unsafe String(validating: bytes, as: UTF8.self) })
        else { return nil }
        self = text
    }
}

/// An integer is its eight bytes, most significant first.
extension UInt64: TableKey {
    package func withKeyBytes<R>(_ body: (RawSpan) throws(StoreError) -> R) throws(StoreError) -> R {
        try unsafe withUnsafeBytes(of: bigEndian) { bytes throws(StoreError) in try body(unsafe bytes.bytes) }
    }

    package init?(keyBytes: RawSpan) {
        guard keyBytes.byteCount == 8 else { return nil }
        self = UInt64(bigEndian: unsafe keyBytes.unsafeLoadUnaligned(as: UInt64.self))
    }
}

/// A 128-bit integer, such as a fingerprint, is its sixteen bytes, most significant first.
extension UInt128: TableKey {
    package func withKeyBytes<R>(_ body: (RawSpan) throws(StoreError) -> R) throws(StoreError) -> R {
        try unsafe withUnsafeBytes(of: bigEndian) { bytes throws(StoreError) in try body(unsafe bytes.bytes) }
    }

    package init?(keyBytes: RawSpan) {
        guard keyBytes.byteCount == 16 else { return nil }
        self = UInt128(bigEndian: unsafe keyBytes.unsafeLoadUnaligned(as: UInt128.self))
    }
}
