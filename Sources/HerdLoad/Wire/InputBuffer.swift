import HerdFrames

/// Bytes read from a socket until whole frames are taken out of them.
final class InputBuffer {
    // As for OutputBuffer.
    @exclusivity(unchecked) private var memory = UnsafeMutableRawBufferPointer.allocate(
        byteCount: 1 << 16, alignment: 16)
    @exclusivity(unchecked) private var start = 0
    @exclusivity(unchecked) private var end = 0
    private let decoder = FrameDecoder()

    deinit { memory.deallocate() }

    func clear() { (start, end) = (0, 0) }

    /// Where to read to; never empty.
    var space: UnsafeMutableRawBufferPointer {
        if start > 0 {
            memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[start..<end]))
            (start, end) = (0, end - start)
        }
        if end == memory.count {
            let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: memory.count * 2, alignment: 16)
            larger.copyMemory(from: UnsafeRawBufferPointer(memory))
            memory.deallocate()
            memory = larger
        }
        return UnsafeMutableRawBufferPointer(rebasing: memory[end...])
    }

    /// After that many bytes were read into `space`.
    func advance(_ count: Int) { end += count }

    /// Takes out the next whole frame; it is valid until the next read.
    func next() throws(FrameError) -> FrameView? {
        guard start < end else { return nil }
        guard let (frame, size) = try decoder.next(in: UnsafeRawBufferPointer(rebasing: memory[start..<end])) else {
            return nil
        }
        start += size
        if start == end { (start, end) = (0, 0) }
        return frame
    }
}
