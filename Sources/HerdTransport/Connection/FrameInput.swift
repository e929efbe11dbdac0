package import HerdFrames
package import NIOCore

/// The bytes of a connection that were read but not yet handled: an unfinished frame, or all that came while the
/// connection was not to be read.
package struct FrameInput {
    private var decoder: FrameDecoder
    private var pending = ByteBuffer()

    package init(maximumFrameLength: Int) {
        decoder = FrameDecoder(maximumLength: maximumFrameLength)
    }

    /// The longest packed frame taken from now on, in bytes; not to be changed while frames are handled.
    package var maximumFrameLength: Int {
        get { decoder.maximumLength }
        set { decoder = FrameDecoder(maximumLength: newValue) }
    }

    /// Whether every byte was handled; else an unfinished frame is there, or frames that were held back.
    package var isEmpty: Bool { pending.readableBytes == 0 }

    /// Bytes that were not handled.
    package var byteCount: Int { pending.readableBytes }

    /// What became of the bytes.
    package enum Outcome {
        /// All whole frames were handled.
        case drained
        /// The handler asked to stop; call `resume` to go on.
        case paused
        case malformed(FrameError)
    }

    /// Whether the handler of a frame takes the next one.
    package enum Continuation {
        case more
        case pause
    }

    /// Handles every whole frame among what was left and `bytes`; the rest is kept.
    ///
    /// Frames are decoded where they lie: only an unfinished one is ever copied.
    package mutating func receive(_ bytes: consuming ByteBuffer, _ handle: (FrameView) -> Continuation) -> Outcome {
        if pending.readableBytes > 0 {
            pending.writeBuffer(&bytes)
            return resume(handle)
        }
        let outcome = decode(&bytes, handle)
        if bytes.readableBytes > 0 {
            pending.clear()
            pending.writeBuffer(&bytes)
        }
        return outcome
    }

    /// Keeps bytes that are not to be handled yet.
    package mutating func keep(_ bytes: consuming ByteBuffer) {
        pending.writeBuffer(&bytes)
    }

    /// Handles what was left.
    package mutating func resume(_ handle: (FrameView) -> Continuation) -> Outcome {
        var bytes = pending
        pending = ByteBuffer()
        let outcome = decode(&bytes, handle)
        if bytes.readableBytes == 0 {
            guard bytes.capacity <= Self.keptCapacity else { return outcome }
            bytes.clear()
        } else if bytes.capacity > Self.keptCapacity, bytes.readableBytes < bytes.capacity / 4 {
            // Little is left of much: a long frame ended here.
            bytes = ByteBuffer(bytes: bytes.readableBytesView)
        } else if bytes.readerIndex > bytes.readableBytes {
            // What is left is moved at most once for each byte that was handled.
            bytes.discardReadBytes()
        }
        pending = bytes
        return outcome
    }

    /// Frees what is kept for the next unfinished frame.
    package mutating func giveMemoryBack() {
        pending = isEmpty ? ByteBuffer() : ByteBuffer(bytes: pending.readableBytesView)
    }

    /// Throws everything away.
    package mutating func discard() {
        pending = ByteBuffer()
    }

    /// A buffer that had to grow past this for a long frame is given back.
    private static let keptCapacity = 64 << 10

    private func decode(_ bytes: inout ByteBuffer, _ handle: (FrameView) -> Continuation) -> Outcome {
        var outcome = Outcome.drained
        bytes.readWithUnsafeReadableBytes { readable in
            var position = 0
            do throws(FrameError) {
                while let (frame, size) = try decoder.next(
                    in: UnsafeRawBufferPointer(rebasing: readable[position...]))
                {
                    position += size
                    if handle(frame) == .pause {
                        outcome = .paused
                        break
                    }
                }
            } catch {
                outcome = .malformed(error)
            }
            return position
        }
        return outcome
    }
}
