import Glibc

/// Tells systemd how the process does, where a unit of Type=notify has started it: sd_notify(3).
enum Supervisor {
    static func ready() { tell("READY=1") }

    static func stopping() { tell("STOPPING=1") }

    static func reloading() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        tell("RELOADING=1\nMONOTONIC_USEC=\(Int(time.tv_sec) * 1_000_000 + time.tv_nsec / 1_000)")
    }

    /// A datagram to the socket of NOTIFY_SOCKET; nothing where there is none. Whether it arrives nobody waits for.
    private static func tell(_ state: String) {
        guard let path = getenv("NOTIFY_SOCKET").map({ String(cString: $0) }), let first = path.utf8.first else {
            return
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        // An abstract name.
        if first == UInt8(ascii: "@") { bytes[0] = 0 }
        guard first == UInt8(ascii: "@") || first == UInt8(ascii: "/"),
            bytes.count < MemoryLayout.size(ofValue: address.sun_path)
        else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = MemoryLayout<sa_family_t>.size + bytes.count
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return }
        defer { close(socket) }
        var text = state
        _ = text.withUTF8 { message in
            withUnsafePointer(to: address) { address in
                address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    sendto(
                        socket, message.baseAddress, message.count, Int32(MSG_NOSIGNAL), $0, socklen_t(length))
                }
            }
        }
    }
}
