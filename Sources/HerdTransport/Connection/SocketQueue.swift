import Glibc
import NIOCore

/// What the system knows of the bytes a socket was given.
enum SocketQueue {
    /// How many bytes the peer's system has not taken yet; 0 where that is not known.
    ///
    /// See `TIOCOUTQ` in tcp(7) and unix(7). To be called on the channel's event loop.
    static func unacknowledgedBytes(of channel: any Channel) -> Int { count(UInt(TIOCOUTQ), of: channel) }

    /// How many bytes came and were not read yet; 0 where that is not known.
    ///
    /// See `FIONREAD` in tcp(7) and unix(7). To be called on the channel's event loop.
    static func unreadBytes(of channel: any Channel) -> Int { count(UInt(FIONREAD), of: channel) }

    private static func count(_ request: UInt, of channel: any Channel) -> Int {
        let count = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { socket -> Int in
            var count: CInt = 0
            return ioctl(socket, request, &count) == 0 ? Int(count) : 0
        }
        return count ?? 0
    }
}
