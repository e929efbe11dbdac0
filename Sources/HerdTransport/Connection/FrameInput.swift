import HerdFrames
import NIOCore

/// The bytes of a connection that were read but not yet handled: an unfinished frame, or all that came while the
/// connection was not to be read.
struct FrameInput {
    private let decoder: FrameDecoder
    private var pending = ByteBuffer()

    init(maximumFrameLength: Int) {
        decoder = FrameDecoder(maximumLength: maximumFrameLength)
    }

    /// What became of the bytes.
    enum Outcome {
        /// All whole frames were handled.
        case drained
        /// The handler asked to stop; call `resume` to go on.
        case paused
        case malformed(FrameError)
    }

    /// Whether the handler of a frame takes the next one.
    enum Continuation {
        case more
        case pause
    }

    /// Handles every whole frame among what was left and `bytes`; the rest is kept.
    ///
    /// Frames are decoded where they lie: only an unfinished one is ever copied.
    mutating func receive(_ bytes: consuming ByteBuffer, _ handle: (FrameView) -> Continuation) -> Outcome {
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

    /// Handles what was left.
    mutating func resume(_ handle: (FrameView) -> Continuation) -> Outcome {
        // Out of `self`, because handling a frame may look at the connection.
        var bytes = pending
        pending = ByteBuffer()
        let outcome = decode(&bytes, handle)
        if bytes.readableBytes > 0 {
            bytes.discardReadBytes()
            pending = bytes
        } else if bytes.capacity <= Self.keptCapacity {
            bytes.clear()
            pending = bytes
        }
        return outcome
    }

    /// Throws everything away.
    mutating func discard() {
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
