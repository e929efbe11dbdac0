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
        /// A socket that listens already and is used in place of a new one.
        package var inherited: ListeningSocket?
        /// Asked at the end: whether the file of a Unix socket stays, because another process listens on it.
        package var leavesFile: @Sendable () -> Bool = { false }

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
        if let inherited = options.inherited {
            return bootstrap.withBoundSocket(inherited.descriptor).map { channel in
                Glibc.listen(inherited.descriptor, options.backlog)
                if case .unix(let path) = inherited.bound, !inherited.isSupervised {
                    let listener = UnixListener(adopting: inherited.descriptor, path: path)
                    channel.closeFuture.whenComplete { _ in if !options.leavesFile() { listener.remove() } }
                }
                return channel
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
                channel.closeFuture.whenComplete { _ in if !options.leavesFile() { listener.remove() } }
                return channel
            }
        }
    }

    /// Tries whether a server could listen here, and leaves nothing behind. Blocks while a name is looked up.
    ///
    /// - Throws: why not; `UnixListenerError`, `IOError` or that there is no such name.
    package func checkFree(_ options: ListeningOptions) throws {
        switch self {
        case .unix(let path):
            let listener = try UnixListener(path: path, mode: options.unixMode)
            listener.remove()
            Glibc.close(listener.socket)
        case .network(let host, let port):
            // The one of a name's addresses that `bind` takes.
            let address = try SocketAddress.makeAddressResolvingHost(host, port: port)
            guard port != 0 else { return }
            let family = address.protocol == .inet6 ? AF_INET6 : AF_INET
            let socket = Glibc.socket(family, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
            guard socket >= 0 else { return }
            defer { Glibc.close(socket) }
            var yes: CInt = 1
            setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<CInt>.size))
            if options.isIPv6Only {
                setsockopt(
                    socket, CInt(IPPROTO_IPV6), IPV6_V6ONLY, &yes, socklen_t(MemoryLayout<CInt>.size))
            }
            let status = address.withSockAddr { Glibc.bind(socket, $0, socklen_t($1)) }
            guard status == 0 else { throw IOError(errnoCode: errno, reason: "bind") }
        }
    }

    /// Whether both are all addresses of the machine on one port, the one of IPv4 and the other of IPv6.
    package func overlaps(_ other: EndpointAddress) -> Bool {
        guard case .network("::", let port) = self, case .network("0.0.0.0", port) = other else { return false }
        return port != 0
    }
}
