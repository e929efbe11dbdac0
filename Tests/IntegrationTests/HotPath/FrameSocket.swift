import Foundation
import HerdFrames

/// A client that writes many frames at once and so decides what the server reads at once. It blocks.
final class FrameSocket {
    private let socket: Int32
    private var input: [UInt8] = []
    private var lastCall: UInt64 = 0

    init(port: Int) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, size) }
        }
        // Valgrind is slow, and a server that hangs must not hang the test.
        var patience = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        guard status == 0 else { throw DaemonFailure(description: "nobody listens on port \(port)") }
        try exchange([Frame(.hello, version: Frame.protocolVersion)])
    }

    deinit { close(socket) }

    func request(_ method: String, _ payload: [UInt8]) -> Frame {
        lastCall += 1
        return Frame(.request, call: lastCall, method: method, payload: payload)
    }

    /// Sends frames with one write and reads as many answers, none of which may be an error.
    func exchange(_ frames: [Frame]) throws {
        try send(frames)
        for _ in frames {
            let answer = try receive()
            guard answer.code == .ok, answer.kind != .goAway else {
                throw DaemonFailure(description: "the server answered \(answer.code) \(answer.message)")
            }
        }
    }

    /// Reads to the end of the connection; once a GOAWAY has come, sends `late`. Answers PINGs.
    func receiveAll(late: [Frame]) throws -> [Frame] {
        var frames: [Frame] = []
        while let frame = try next() {
            frames.append(frame)
            if frame.kind == .goAway { try send(late) }
            if frame.kind == .ping { try send([Frame(.pong, payload: frame.payload)]) }
        }
        return frames
    }

    /// Sends frames with one write.
    func send(_ frames: [Frame]) throws {
        let output = frames.flatMap { $0.wireBytes() }
        var sent = 0
        while sent < output.count {
            let count = output[sent...].withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw DaemonFailure(description: "the server took no frames: errno \(errno)") }
            sent += count
        }
    }

    func receive() throws -> Frame {
        guard let frame = try next() else { throw DaemonFailure(description: "the server closed the connection") }
        return frame
    }

    /// Nil at the end of the connection.
    private func next() throws -> Frame? {
        while true {
            if input.count >= Frame.lengthPrefixSize {
                let length = input[..<Frame.lengthPrefixSize].reduce(0) { $0 << 8 | Int($1) }
                if input.count >= Frame.lengthPrefixSize + length {
                    let body = Array(input[Frame.lengthPrefixSize..<Frame.lengthPrefixSize + length])
                    input.removeFirst(Frame.lengthPrefixSize + length)
                    return try Frame(packed: body)
                }
            }
            var bytes = [UInt8](repeating: 0, count: 64 << 10)
            var count: Int
            repeat { count = recv(socket, &bytes, bytes.count, 0) } while count < 0 && errno == EINTR
            if count == 0, input.isEmpty { return nil }
            guard count > 0 else { throw DaemonFailure(description: "the server said nothing: errno \(errno)") }
            input += bytes[..<count]
        }
    }
}
