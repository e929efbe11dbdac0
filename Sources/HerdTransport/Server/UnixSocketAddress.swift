package import Glibc

/// A path as the system's calls take it for a socket.
package enum UnixSocketAddress {
    /// The longest path, in bytes: what every client can dial; the system would take 107.
    package static let maximumPathLength = 103

    /// Gives `body` the address of a path of at most `maximumPathLength` bytes; a longer one is cut.
    package static func with(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt) -> CInt {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { target in
            target.copyBytes(from: path.utf8.prefix(maximumPathLength))
        }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
