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

    /// Appends a frame that is already in its form on the wire.
    mutating func append(wireBytes: [UInt8]) {
        buffer.writeBytes(wireBytes)
    }

    /// Hands everything to the socket.
    ///
    /// Most often the socket takes it at once; then the buffer is ours alone again and `clear` keeps its memory, so
    /// that a burst costs no allocation.
    mutating func flush(_ context: ChannelHandlerContext) {
        guard !isEmpty else { return }
        context.writeAndFlush(NIOAny(buffer), promise: nil)
        if buffer.capacity <= Self.keptCapacity {
            buffer.clear()
        } else {
            buffer = ByteBuffer()
        }
    }

    /// Hands everything to the socket and tells the peer that no more comes.
    mutating func flushAndShutDown(_ context: ChannelHandlerContext?) {
        guard let context else { return discard() }
        flush(context)
        context.close(mode: .output, promise: nil)
    }

    mutating func discard() {
        buffer = ByteBuffer()
    }

    private static let keptCapacity = 256 << 10
}
