import Glibc

/// Where a server listens, as people write it and as the kernel wants it.
package struct ServerAddress: Sendable {
    /// As it was written.
    package let text: String
    /// What `connect` takes; a name may stand for several addresses.
    let candidates: [SocketAddress]

    /// - Parameter text: `host:port`, `[IPv6 address]:port` or `unix:PATH`. Names are looked up at once.
    package init(_ text: String) throws(LoadFailure) {
        self.text = text
        if text.hasPrefix("unix:") {
            guard let address = SocketAddress(path: String(text.dropFirst("unix:".count))) else {
                throw LoadFailure(
                    "\(text) is no address: a socket's path has 1 to \(SocketAddress.longestPath) bytes", exitCode: 64)
            }
            candidates = [address]
            return
        }
        guard let (host, port) = Self.parts(text) else {
            throw LoadFailure(
                "'\(text)' is no address; write HOST:PORT, [IPv6 ADDRESS]:PORT or unix:PATH", exitCode: 64)
        }
        candidates = try SocketAddress.lookUp(host, port: port)
    }

    private static func parts(_ text: String) -> (host: String, port: UInt16)? {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        return host.isEmpty || host.utf8.contains(0) ? nil : (String(host), port)
    }
}

/// A `sockaddr` of some family.
struct SocketAddress: Sendable {
    let family: Int32
    let bytes: [UInt8]
    /// Of a Unix socket.
    let path: String?
    /// Of an Internet address.
    let port: UInt16

    static var longestPath: Int { MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1 }

    init?(path: String) {
        let units = Array(path.utf8)
        guard (1...Self.longestPath).contains(units.count), !units.contains(0) else { return nil }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: units) }
        self.init(family: AF_UNIX, bytes: withUnsafeBytes(of: &address) { Array($0) }, path: path, port: 0)
    }

    private init(family: Int32, bytes: [UInt8], path: String?, port: UInt16) {
        (self.family, self.bytes, self.path, self.port) = (family, bytes, path, port)
    }

    static func lookUp(_ host: String, port: UInt16) throws(LoadFailure) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, "\(port)", &hints, &list)
        guard code == 0 else {
            throw LoadFailure(
                "the name \(host) can't be looked up: \(String(cString: gai_strerror(code)))", exitCode: 69)
        }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = list
        while let entry = next?.pointee {
            if let address = entry.ai_addr {
                let bytes = Array(UnsafeRawBufferPointer(start: address, count: Int(entry.ai_addrlen)))
                addresses.append(SocketAddress(family: entry.ai_family, bytes: bytes, path: nil, port: port))
            }
            next = entry.ai_next
        }
        return addresses
    }

    /// Whether only this machine can be meant.
    var isLocal: Bool {
        switch family {
        case AF_UNIX: true
        // sockaddr_in: family, port, then the address.
        case AF_INET: bytes.count >= 8 && bytes[4] == 127
        case AF_INET6:
            bytes.count >= 24 && (bytes[8..<23].allSatisfy { $0 == 0 } && bytes[23] == 1)
        default: false
        }
    }
}
