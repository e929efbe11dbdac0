import HerdFrames
import HerdTransport

extension Frame {
    static let greeting = Frame(.hello, version: Frame.protocolVersion)

    static func request(_ call: UInt64, method: String = "test/Method") -> Frame {
        Frame(.request, call: call, method: method)
    }

    /// Packs and decodes the frame, as if it had come over a socket.
    func withView<Result>(_ body: (FrameView) -> Result) -> Result {
        wireBytes().withUnsafeBytes { bytes in
            guard let (view, _) = try? FrameDecoder().next(in: bytes) else {
                fatalError("a packed frame is a frame")
            }
            return body(view)
        }
    }
}

extension GoAway {
    var transcript: String {
        "GOAWAY \(code)" + (version > 0 ? " version \(version)" : "") + ": \(message)"
    }
}
