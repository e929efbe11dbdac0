package import HerdStore

/// What a cached prediction lies under: a number that rises with each, so that what is written together lies together, and
/// the prompt's fingerprint.
package struct NumberedFingerprint: TableKey, Equatable {
    /// Rises from record to record.
    package var number: UInt64
    package var fingerprint: UInt128

    private static let byteCount = 24

    package init(number: UInt64, fingerprint: UInt128) {
        self.number = number
        self.fingerprint = fingerprint
    }

    /// Eight bytes of number and sixteen of fingerprint, most significant first.
    package func withKeyBytes<R>(_ body: (RawSpan) throws(StoreError) -> R) throws(StoreError) -> R {
        let parts = (number.bigEndian, fingerprint.bigEndian)
        return try withUnsafeTemporaryAllocation(byteCount: Self.byteCount, alignment: 16) {
            bytes throws(StoreError) in
            bytes.storeBytes(of: parts.0, as: UInt64.self)
            bytes.storeBytes(of: parts.1, toByteOffset: 8, as: UInt128.self)
            return try body(UnsafeRawBufferPointer(bytes).bytes)
        }
    }

    package init?(keyBytes: RawSpan) {
        guard keyBytes.byteCount == Self.byteCount, let number = UInt64(keyBytes: keyBytes.extracting(first: 8)),
            let fingerprint = UInt128(keyBytes: keyBytes.extracting(last: 16))
        else { return nil }
        self.init(number: number, fingerprint: fingerprint)
    }
}
