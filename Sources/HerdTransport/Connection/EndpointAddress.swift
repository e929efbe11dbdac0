package import NIOCore
import NIOPosix

/// Where a server listens: `host:port`, `[IPv6 address]:port` or `unix:PATH`.
package enum EndpointAddress: Hashable, Sendable {
    /// A name or an address without brackets; port 0 lets the kernel choose when listening.
    case network(host: String, port: Int)
    case unix(path: String)

    /// Reads an address as people write it; nil if it is none.
    package init?(_ text: String) {
        if text.hasPrefix("unix:") {
            let path = text.dropFirst("unix:".count)
            guard !path.isEmpty else { return nil }
            self = .unix(path: String(path))
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self = .network(host: String(host), port: Int(port))
    }

    func connect(_ bootstrap: ClientBootstrap) -> EventLoopFuture<any Channel> {
        switch self {
        case .network(let host, let port): bootstrap.connect(host: host, port: port)
        case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
        }
    }

    /// Where a channel really listens; nil if it does not any more.
    package init?(boundTo channel: any Channel) {
        guard let address = channel.localAddress else { return nil }
        if let path = address.pathname {
            self = .unix(path: path)
        } else if let host = address.ipAddress, let port = address.port {
            self = .network(host: host, port: port)
        } else {
            return nil
        }
    }
}

extension EndpointAddress: CustomStringConvertible {
    package var description: String {
        switch self {
        case .network(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}
