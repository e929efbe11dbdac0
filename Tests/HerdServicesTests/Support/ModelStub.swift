import Foundation
import HerdMessages
import Synchronization
import Testing

/// A model's server that answers as a test says, on a port of its own and on threads of its own.
final class ModelStub: Sendable {
    enum Answer: Sendable {
        case text(String)
        /// An error, with what the server says of it.
        case status(Int, String)
        /// Says so much and then nothing until the caller goes.
        case hang(after: String = "")
        /// Says so much and closes the connection.
        case breakOff(after: String)
    }

    /// Gets the body of each request.
    typealias Script = @Sendable (_ request: String) -> Answer

    let port: UInt16
    private let listener: Int32
    private let requests = Counter()

    private final class Counter: Sendable {
        private let value = Mutex(0)
        var count: Int { value.withLock { $0 } }
        func add() { value.withLock { $0 += 1 } }
    }

    init(_ script: @escaping Script) throws {
        let listener = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &size) == 0
            }
        }
        try #require(isListening)
        self.listener = listener
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { [requests] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                Thread.detachNewThread {
                    Self.serve(connection) { body in
                        requests.add()
                        return script(body)
                    }
                    close(connection)
                }
            }
        }
    }

    deinit {
        // Ends `accept`.
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// Completions that were asked for.
    var count: Int { requests.count }

    var endpoint: Endpoint { Endpoint(baseUrl: "http://127.0.0.1:\(port)/v1") }

    private static func serve(_ connection: Int32, _ script: Script) {
        guard let (head, body) = readRequest(connection) else { return }
        guard head.hasPrefix("POST") else {
            return write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        }
        let stream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
        switch script(body) {
        case .text(let text):
            write(
                connection,
                stream + event(text) + #"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#
                    + "\n\ndata: [DONE]\n\n")
        case .status(let code, let message):
            let body = #"{"error":{"message":"\#(message)"}}"#
            write(
                connection,
                "HTTP/1.1 \(code) No\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
                    + "Connection: close\r\n\r\n" + body)
        case .hang(let text):
            if !text.isEmpty { write(connection, stream + event(text)) }
            var byte: UInt8 = 0
            while recv(connection, &byte, 1, 0) > 0 {}
        case .breakOff(let text): write(connection, stream + event(text))
        }
    }

    private static func event(_ text: String) -> String {
        #"data: {"choices":[{"index":0,"delta":{"content":"\#(text)"}}]}"# + "\n\n"
    }

    private static func readRequest(_ connection: Int32) -> (head: String, body: String)? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let text = String(decoding: bytes, as: UTF8.self)
            if let end = text.range(of: "\r\n\r\n") {
                let head = String(text[..<end.lowerBound])
                let lengths = head.lowercased().split(separator: "\r\n").filter { $0.hasPrefix("content-length:") }
                let length = lengths.first.flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) } ?? 0
                let body = text[end.upperBound...]
                if body.utf8.count >= length { return (head, String(body)) }
            }
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            bytes += buffer[..<count]
        }
    }

    private static func write(_ connection: Int32, _ text: String) {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }
}
