import Glibc
import HerdTransport

/// One end of the conversation between a process and its successor: packets of JSON over a Unix socket, with the
/// descriptors of listening sockets. Blocks; descriptors that come are closed in programs that are executed.
struct TakeOverSocket: ~Copyable {
    /// What a packet may hold: `SCM_MAX_FD` of the kernel.
    static let maximumDescriptors = 253
    private static let maximumBytes = 64 << 10
    private static let headerBytes = 16

    let descriptor: CInt

    init(descriptor: CInt) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Of the process that listens on `name` in a folder; nil where nobody does.
    static func connect(folder: String, name: String) throws(TakeOverFailure) -> TakeOverSocket? {
        let folderDescriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folderDescriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw .system("the folder '\(folder)' can't be opened")
        }
        defer { close(folderDescriptor) }
        let made = try TakeOverSocket(descriptor: newSocket())
        guard withAddress(folderDescriptor, name, { Glibc.connect(made.descriptor, $0, $1) }) != 0 else { return made }
        // Without the file, or with one that a process left which is gone.
        if errno == ENOENT || errno == ECONNREFUSED { return nil }
        throw .system("the process that has '\(folder)' can't be asked")
    }

    /// Listens on `name` in a folder, which belongs to the caller: what is there is replaced.
    static func listen(folder: String, name: String) throws(TakeOverFailure) -> TakeOverSocket {
        let folderDescriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folderDescriptor >= 0 else { throw .system("the folder '\(folder)' can't be opened") }
        defer { close(folderDescriptor) }
        let made = try TakeOverSocket(descriptor: newSocket())
        unlinkat(folderDescriptor, name, 0)
        // Linux gives the file the mode of the socket it is bound to, less the umask.
        guard fchmod(made.descriptor, 0o600) == 0,
            withAddress(folderDescriptor, name, { bind(made.descriptor, $0, $1) }) == 0,
            Glibc.listen(made.descriptor, 4) == 0
        else { throw .system("the socket '\(folder)/\(name)' can't be made") }
        return made
    }

    /// The next who connects, of the same user or root; nil where it is somebody else, or nobody any more.
    func accept() -> TakeOverSocket? {
        let accepted = Glibc.accept(descriptor, nil, nil)
        guard accepted >= 0 else { return nil }
        _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
        let peer = TakeOverSocket(descriptor: accepted)
        // `struct ucred`: process, user, group.
        var credentials: [UInt32] = [0, 0, 0]
        var length = socklen_t(12)
        guard getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0, length == 12,
            credentials[1] == getuid() || credentials[1] == 0
        else { return nil }
        return peer
    }

    // MARK: - Packets

    /// - Throws: `TakeOverFailure` where the other end is gone.
    func send(_ text: String, descriptors: [CInt] = []) throws(TakeOverFailure) {
        precondition(descriptors.count <= Self.maximumDescriptors)
        var text = text
        let space = descriptors.isEmpty ? 0 : Self.headerBytes + (descriptors.count * 4 + 7) / 8 * 8
        let control = UnsafeMutableRawBufferPointer.allocate(byteCount: max(space, 1), alignment: 8)
        defer { control.deallocate() }
        if !descriptors.isEmpty {
            control.initializeMemory(as: UInt8.self, repeating: 0)
            control.storeBytes(of: Self.headerBytes + descriptors.count * 4, toByteOffset: 0, as: Int.self)
            control.storeBytes(of: SOL_SOCKET, toByteOffset: 8, as: CInt.self)
            control.storeBytes(of: Self.rights, toByteOffset: 12, as: CInt.self)
            for (index, descriptor) in descriptors.enumerated() {
                control.storeBytes(of: descriptor, toByteOffset: Self.headerBytes + index * 4, as: CInt.self)
            }
        }
        let sent = text.withUTF8 { bytes in
            var part = iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
            return withUnsafeMutablePointer(to: &part) { part in
                var message = msghdr()
                message.msg_iov = part
                message.msg_iovlen = 1
                if space > 0 {
                    message.msg_control = control.baseAddress
                    message.msg_controllen = space
                }
                return sendmsg(descriptor, &message, CInt(MSG_NOSIGNAL))
            }
        }
        guard sent == text.utf8.count else { throw .system("the other process can't be told anything") }
    }

    enum Received {
        case packet([UInt8], descriptors: [CInt])
        /// The other end is gone.
        case end
        case timeout
    }

    /// - Parameter milliseconds: How long to wait; less than 0 for as long as it takes.
    func receive(within milliseconds: CInt) throws(TakeOverFailure) -> Received {
        guard wait(within: milliseconds) else { return .timeout }
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.maximumBytes, alignment: 8)
        let space = Self.headerBytes + (Self.maximumDescriptors + 1) / 2 * 8
        let control = UnsafeMutableRawBufferPointer.allocate(byteCount: space, alignment: 8)
        defer {
            bytes.deallocate()
            control.deallocate()
        }
        var message = msghdr()
        var part = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
        let count = withUnsafeMutablePointer(to: &part) { part in
            message.msg_iov = part
            message.msg_iovlen = 1
            message.msg_control = control.baseAddress
            message.msg_controllen = space
            return recvmsg(descriptor, &message, CInt(MSG_CMSG_CLOEXEC))
        }
        guard count >= 0 else { return .end }
        var descriptors: [CInt] = []
        let length = message.msg_controllen
        if length >= Self.headerBytes, control.load(fromByteOffset: 8, as: CInt.self) == SOL_SOCKET,
            control.load(fromByteOffset: 12, as: CInt.self) == Self.rights
        {
            let end = min(control.load(as: Int.self), length)
            for offset in stride(from: Self.headerBytes, through: end - 4, by: 4) {
                descriptors.append(control.load(fromByteOffset: offset, as: CInt.self))
            }
        }
        guard count > 0 else {
            for descriptor in descriptors { close(descriptor) }
            return .end
        }
        let cut = CInt(MSG_TRUNC) | CInt(MSG_CTRUNC)
        guard message.msg_flags & cut == 0 else {
            for descriptor in descriptors { close(descriptor) }
            throw TakeOverFailure(
                "what the other process sent was cut short; may this one have as many open files (ulimit -n)?")
        }
        return .packet(Array(bytes[..<count]), descriptors: descriptors)
    }

    /// Whether there is something to read, or the end, within that time.
    private func wait(within milliseconds: CInt) -> Bool {
        Self.wait([descriptor], within: milliseconds) != nil
    }

    /// The first of several descriptors with something to read; nil where the time is over.
    static func wait(_ descriptors: [CInt], within milliseconds: CInt) -> Int? {
        var waiting = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while true {
            let count = poll(&waiting, nfds_t(waiting.count), milliseconds)
            if count < 0, errno == EINTR { continue }
            return waiting.firstIndex { $0.revents != 0 }
        }
    }

    // MARK: - System calls

    /// `SCM_RIGHTS`, an enumeration in the header.
    private static let rights: CInt = 1

    private static func newSocket() throws(TakeOverFailure) -> CInt {
        let made = socket(AF_UNIX, CInt(SOCK_SEQPACKET.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard made >= 0 else { throw .system("a socket can't be made") }
        return made
    }

    /// The address by way of the folder's descriptor, since a path may be longer than an address.
    private static func withAddress(
        _ folder: CInt, _ name: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) -> CInt {
        UnixSocketAddress.with("/proc/self/fd/\(folder)/\(name)", body)
    }
}

/// Why one process can't take over from another, in a sentence.
package struct TakeOverFailure: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }

    static func system(_ what: String) -> TakeOverFailure {
        let reason = String(cString: strerror(errno))
        return TakeOverFailure("\(what): \(reason)")
    }
}
