import HerdFrames
import NIOCore

/// What a connection has to send: one buffer for all frames of a burst, flushed once.
struct FrameOutput {
    private var buffer = ByteBuffer()

    var isEmpty: Bool { buffer.readableBytes == 0 }
    var count: Int { buffer.readableBytes }

    /// Appends a frame with a payload of its own.
    mutating func append(_ frame: Frame) {
        append(frame, payloadCount: frame.payload.count) { target in
            frame.payload.withUnsafeBytes { target.copyMemory(from: $0) }
        }
    }

    /// Appends a frame whose payload `writePayload` fills in.
    mutating func append(
        _ frame: Frame, payloadCount: Int, _ writePayload: (UnsafeMutableRawBufferPointer) -> Void
    ) {
        let size = frame.wireSize(payloadCount: payloadCount)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { bytes in
            frame.write(to: bytes, payloadCount: payloadCount, writePayload)
        }
    }

    /// Appends an END frame with nothing but a payload, which `writePayload` fills in.
    mutating func appendEnd(
        call: UInt64, payloadCount: Int, _ writePayload: (UnsafeMutableRawBufferPointer) -> Void
    ) {
        let size = Frame.endWireSize(call: call, payloadCount: payloadCount)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { bytes in
            Frame.writeEnd(call: call, to: bytes, payloadCount: payloadCount, writePayload)
        }
    }

    /// Appends a frame that is already in its form on the wire.
    mutating func append(wireBytes: [UInt8]) {
        buffer.writeBytes(wireBytes)
    }

    /// Appends a frame that is in its form on the wire but for its call, which becomes its last field.
    mutating func append(wireBytes: [UInt8], call: UInt64) {
        let start = buffer.writerIndex
        buffer.writeBytes(wireBytes)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: Frame.mostCallBytes) { bytes in
            Frame.writeCall(call, to: bytes)
        }
        let length = buffer.writerIndex - start - Frame.lengthPrefixSize
        buffer.setInteger(UInt32(truncatingIfNeeded: length), at: start)
    }

    /// Takes everything out, to be written and given back to `reuse`.
    ///
    /// The buffer leaves the connection while it is written, because writing may call the connection back.
    mutating func take() -> ByteBuffer {
        let taken = buffer
        buffer = ByteBuffer()
        return taken
    }

    /// Takes the memory of a buffer that was written.
    ///
    /// Most often the socket has taken it at once; then the buffer is ours alone again and `clear` keeps its memory, so
    /// that a burst costs no allocation.
    mutating func reuse(_ written: consuming ByteBuffer) {
        guard isEmpty, buffer.capacity == 0, written.capacity <= Self.keptCapacity else { return }
        written.clear()
        buffer = written
    }

    mutating func discard() {
        buffer = ByteBuffer()
    }

    /// Frees what is kept for the next burst.
    mutating func giveMemoryBack() {
        if isEmpty { buffer = ByteBuffer() }
    }

    private static let keptCapacity = 256 << 10
}
