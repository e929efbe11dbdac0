import HerdFrames
import NIOCore
import NIOEmbedded

/// What a connection in memory has sent, as frames.
struct SentFrames {
    private var bytes: [UInt8] = []

    mutating func read(from channel: EmbeddedChannel) {
        while let sent = try? channel.readOutbound(as: ByteBuffer.self) { bytes += sent.readableBytesView }
    }

    /// Whole frames, of which only the last says farewell for a failure and the first greets.
    func frames() -> Result<[Frame], Violation> {
        var frames: [Frame] = []
        var position = 0
        while position < bytes.count {
            let next = bytes[position...].withUnsafeBytes { bytes in
                try? FrameDecoder().next(in: bytes).map { (Frame($0.frame), $0.size) }
            }
            guard let (frame, size) = next else {
                return .failure(Violation("\(bytes.count - position) bytes of the answer are no whole frame"))
            }
            frames.append(frame)
            position += size
        }
        if let last = frames.firstIndex(where: { $0.kind == .goAway && $0.code != .ok }), last != frames.count - 1 {
            return .failure(Violation("frames follow the GOAWAY: \(frames[(last + 1)...].map(\.kind))"))
        }
        if let first = frames.first, first.kind != .hello, first.kind != .goAway {
            return .failure(Violation("\(first.kind) is sent before HELLO"))
        }
        return .success(frames)
    }
}
