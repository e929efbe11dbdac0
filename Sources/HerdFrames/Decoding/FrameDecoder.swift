/// Finds whole frames at the front of contiguous bytes, however the network cut them.
///
/// It keeps nothing: whoever reads the socket keeps the bytes of an unfinished frame and asks again with more.
package struct FrameDecoder: Sendable {
    /// The longest packed frame taken, in bytes without the prefix.
    package let maximumLength: Int

    package init(maximumLength: Int = Frame.defaultMaximumLength) {
        self.maximumLength = maximumLength
    }

    /// The first frame in `bytes` and how many bytes it takes with its prefix; nil while it is not whole.
    ///
    /// The length is checked as soon as its 4 bytes are there, before the rest has to be kept.
    package func next(
        in bytes: UnsafeRawBufferPointer
    ) throws(FrameError) -> (frame: FrameView, size: Int)? {
        guard bytes.count >= Frame.lengthPrefixSize else { return nil }
        let length = Int(UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)))
        guard length <= maximumLength else { throw .tooLong(length: length, limit: maximumLength) }
        let size = Frame.lengthPrefixSize + length
        guard bytes.count >= size else { return nil }
        let body = UnsafeRawBufferPointer(rebasing: bytes[Frame.lengthPrefixSize..<size])
        return (try FrameView(packed: body), size)
    }
}
