import CLMDB

/// How a value lies in the map: a CRC-32C of key and value, least significant byte first, then the value. The key is
/// part of it, so that a value found under a wrong key counts as damaged too.
enum StoredValue {
    static let checksumBytes = 4

    /// The longest value; LMDB allows 4 GiB.
    static let maximumBytes = 1 << 31

    /// The value without its checksum, or nil where they do not match.
    @unsafe static func verified(_ stored: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer)
        -> UnsafeRawBufferPointer?
    {
        guard stored.count >= checksumBytes else { return nil }
        let expected = unsafe UInt32(littleEndian: stored.loadUnaligned(as: UInt32.self))
        let value = unsafe UnsafeRawBufferPointer(rebasing: stored[checksumBytes...])
        return unsafe checksum(key, value) == expected ? value : nil
    }

    /// Writes the checksum in front of the value that lies in `stored` already.
    @unsafe static func seal(_ stored: UnsafeMutableRawBufferPointer, key: UnsafeRawBufferPointer) {
        let value = unsafe UnsafeRawBufferPointer(rebasing: stored[checksumBytes...])
        unsafe stored.storeBytes(of: checksum(key, value).littleEndian, as: UInt32.self)
    }

    @unsafe private static func checksum(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> UInt32 {
        let overKey = unsafe herd_crc32c(0, key.baseAddress, key.count)
        return unsafe herd_crc32c(overKey, value.baseAddress, value.count)
    }
}
