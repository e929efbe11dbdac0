import Glibc

/// A connected socket that never blocks. Its owner closes it.
struct StreamSocket {
    let descriptor: Int32

    enum Progress {
        /// So many bytes, over 0.
        case bytes(Int)
        case wouldBlock
        case closed
        /// `errno`.
        case failed(Int32)
    }

    /// Begins to connect; `isConnected` tells how it went once the socket is writable.
    ///
    /// - Throws: `errno`, as `POSIXCode`.
    init(connectingTo address: SocketAddress) throws(POSIXCode) {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        descriptor = socket(address.family, kind, 0)
        guard descriptor >= 0 else { throw POSIXCode(errno) }
        if address.family != AF_UNIX {
            var on: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        }
        let result = address.bytes.withUnsafeBytes { bytes -> Int32 in
            guard let base = bytes.baseAddress else { return -1 }
            return connect(descriptor, base.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
        if result != 0, errno != EINPROGRESS, errno != EAGAIN {
            let code = errno
            Glibc.close(descriptor)
            throw POSIXCode(code)
        }
    }

    func close() { Glibc.close(descriptor) }

    /// What became of connecting, once the socket is writable; 0 or `errno`.
    var connectCode: Int32 {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { return errno }
        return code
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> Progress {
        progress(recv(descriptor, buffer.baseAddress, buffer.count, 0))
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> Progress {
        progress(send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)))
    }

    private func progress(_ count: Int) -> Progress {
        if count > 0 { return .bytes(count) }
        if count == 0 { return .closed }
        let code = errno
        return code == EAGAIN || code == EINTR ? .wouldBlock : .failed(code)
    }
}

/// A value of `errno`.
struct POSIXCode: Error {
    let code: Int32

    init(_ code: Int32) { self.code = code }

    var text: String { String(cString: strerror(code)) }
}
