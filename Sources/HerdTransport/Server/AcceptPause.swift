import Glibc
import NIOCore

/// Stops a listener for a moment when the process or the system has no room for one more connection.
///
/// The connection that could not be taken stays in the kernel's queue and keeps the listener readable: without a pause
/// the event loop would do nothing but try again.
final class AcceptPause: ChannelInboundHandler {
    typealias InboundIn = any Channel

    private let failed: @Sendable (any Error) -> Void
    private var isPaused = false

    /// How long to wait for another connection to end.
    private static let pause = TimeAmount.milliseconds(250)

    /// - Parameter failed: Told of each failure, on the event loop.
    init(failed: @escaping @Sendable (any Error) -> Void) {
        self.failed = failed
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError, [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errnoCode) else {
            return context.fireErrorCaught(error)
        }
        failed(error)
        guard !isPaused else { return }
        isPaused = true
        try? context.channel.syncOptions?.setOption(.autoRead, value: false)
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.pause) { [weak self] in
            guard let self else { return }
            isPaused = false
            try? context.channel.syncOptions?.setOption(.autoRead, value: true)
        }
    }
}
