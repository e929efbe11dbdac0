import Glibc
package import NIOCore
package import NIOPosix

extension EndpointAddress {
    /// How a server listens on an address.
    package struct ListeningOptions: Sendable {
        /// The permissions of a Unix socket's file; default 0600, the server's own user.
        package var unixMode: UInt32 = 0o600
        /// Whether `[::]` takes IPv6 only, as it must where the same port of 0.0.0.0 is listened on too.
        package var isIPv6Only = false
        /// How many connections may wait in the kernel to be taken.
        package var backlog: CInt = 1024
        /// Told when a connection could not be taken because the process or the system has no room for it; the listener
        /// pauses a moment then.
        package var acceptFailed: @Sendable (any Error) -> Void = { _ in }

        package init() {}
    }

    /// Listens; what is taken is set up by `bootstrap`, which is used for this address only.
    ///
    /// A Unix socket's file replaces one on which nobody listens any more, and goes away with the channel.
    package func bind(
        _ bootstrap: ServerBootstrap, _ options: ListeningOptions, eventLoop: any EventLoop
    ) -> EventLoopFuture<any Channel> {
        let bootstrap =
            bootstrap
            .serverChannelOption(.backlog, value: options.backlog)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptPause(failed: options.acceptFailed))
                }
            }
        switch self {
        case .network(let host, let port):
            _ = bootstrap.serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            if options.isIPv6Only {
                _ = bootstrap.serverChannelOption(
                    ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only), value: 1)
            }
            return bootstrap.bind(host: host, port: port)
        case .unix(let path):
            let listener: UnixListener
            do throws(UnixListenerError) {
                listener = try UnixListener(path: path, mode: options.unixMode)
            } catch {
                return eventLoop.makeFailedFuture(error)
            }
            return bootstrap.withBoundSocket(listener.socket).map { channel in
                // NIO listens with a queue of its own.
                Glibc.listen(listener.socket, options.backlog)
                channel.closeFuture.whenComplete { _ in listener.remove() }
                return channel
            }
        }
    }

    /// Whether both are all addresses of the machine on one port, the one of IPv4 and the other of IPv6.
    package func overlaps(_ other: EndpointAddress) -> Bool {
        guard case .network("::", let port) = self, case .network("0.0.0.0", port) = other else { return false }
        return port != 0
    }
}
