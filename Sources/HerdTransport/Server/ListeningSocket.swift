import Glibc
package import NIOCore

/// A listening socket that goes from one process to another, or comes from a supervisor.
package struct ListeningSocket: Sendable {
    /// The address as it is configured; its port may be 0, its host a name.
    package let configured: EndpointAddress
    /// Where it listens.
    package let bound: EndpointAddress
    /// Open in this process until somebody closes it; a program that is executed does not get it.
    package let descriptor: CInt
    /// Whether a supervisor bound it, whose business the file of a Unix socket then is.
    package let isSupervised: Bool

    package init(configured: EndpointAddress, bound: EndpointAddress, descriptor: CInt, isSupervised: Bool) {
        self.configured = configured
        self.bound = bound
        self.descriptor = descriptor
        self.isSupervised = isSupervised
    }

    /// A further descriptor of the socket that a channel listens on; nil if it does not any more.
    ///
    /// Waits for the channel's event loop, so is not to be called on one.
    @available(*, noasync)
    package init?(duplicating channel: any Channel, configured: EndpointAddress, isSupervised: Bool) {
        let copy = try? channel.eventLoop.submit {
            try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: CInt.self) { descriptor in
                fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
            }
        }.wait()
        guard let descriptor = copy ?? nil, descriptor >= 0 else { return nil }
        guard let bound = EndpointAddress(boundTo: channel) else {
            Glibc.close(descriptor)
            return nil
        }
        self.init(configured: configured, bound: bound, descriptor: descriptor, isSupervised: isSupervised)
    }

    /// Where a descriptor listens for streams; nil where it is no such socket.
    package static func address(of descriptor: CInt) -> EndpointAddress? {
        guard option(SO_TYPE, of: descriptor) == CInt(SOCK_STREAM.rawValue), option(SO_ACCEPTCONN, of: descriptor) == 1
        else { return nil }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let named = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard named == 0 else { return nil }
        return withUnsafeBytes(of: storage) { bytes in
            switch CInt(storage.ss_family) {
            // By offset: the importer takes the members now from one module of the system's headers, now from another.
            case AF_INET: return network(AF_INET, bytes, host: 4)
            case AF_INET6: return network(AF_INET6, bytes, host: 8)
            case AF_UNIX:
                let path = bytes[MemoryLayout<sa_family_t>.size..<Int(length)].prefix { $0 != 0 }
                return path.isEmpty ? nil : .unix(path: String(decoding: path, as: UTF8.self))
            default: return nil
            }
        }
    }

    /// - Parameter host: where in the structure the host is; the port is behind the family.
    private static func network(_ family: CInt, _ bytes: UnsafeRawBufferPointer, host: Int) -> EndpointAddress? {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard let start = bytes.baseAddress, inet_ntop(family, start + host, &text, socklen_t(text.count)) != nil
        else { return nil }
        let port = bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)
        let digits = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return .network(host: String(decoding: digits, as: UTF8.self), port: Int(UInt16(bigEndian: port)))
    }

    private static func option(_ name: CInt, of descriptor: CInt) -> CInt? {
        var value: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        return getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
    }
}

extension EndpointAddress {
    /// Whether a server that is to listen here may use a socket bound to `bound`: the same path, or the same port of the same
    /// address, however that is written.
    package func isServed(by bound: EndpointAddress) -> Bool {
        switch (self, bound) {
        case (.unix(let path), .unix(let other)): path == other
        case (.network(let host, let port), .network(let other, let otherPort)):
            port == otherPort && port != 0 && Self.numeric(host) == Self.numeric(other)
        default: false
        }
    }

    /// Addresses that are written differently and are the same become equal.
    private static func numeric(_ host: String) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET6, host, &bytes) == 1 { return bytes }
        if inet_pton(AF_INET, host.lowercased() == "localhost" ? "127.0.0.1" : host, &bytes) == 1 {
            return Array(bytes[..<4])
        }
        return Array(host.utf8)
    }
}
