import Foundation
import Glibc
import HerdClient
import HerdFrames
import HerdMessages
import HerdTransport
import Testing

/// HELLOs that come in pieces, or with credentials that no honest client makes.
@Suite struct HostileHelloTests {
    @Test func oddCredentialsAreRefusedAndNothingElse() async throws {
        try await withGuardedHerd { herd in
            var generator = SystemRandomNumberGenerator()
            let secret = herd.admin
            var odd = [
                "Bearer", "Bearer ", "Bearer  ", secret, "Basic \(secret)", "Bearer \(secret) \(secret)",
                "Bearer \(secret)x",
                "Bearer herd_", "Bearer herd__", "Bearer _", "Bearer \(secret)_", "Bearer \u{0}\(secret)",
                "Bearer\t\(secret)",
                "Bearer " + String(repeating: "herd_", count: 12_000), String(repeating: " ", count: 60_000),
                "Bearer " + String(repeating: "🐑", count: 15_000), "Bearer \(secret.dropLast(2))\u{430}",
            ]
            for _ in 0..<100 {
                // One character of a good token changed: 32 to 1 that none is the same.
                var characters = Array(secret.utf8)
                let place = Int.random(in: 16..<characters.count, using: &generator)
                characters[place] = characters[place] == UInt8(ascii: "a") ? UInt8(ascii: "b") : UInt8(ascii: "a")
                odd.append("Bearer " + String(decoding: characters, as: UTF8.self))
            }
            for authorization in odd {
                var configuration = ClientConfiguration()
                configuration.authorization = authorization
                configuration.retryWindow = .zero
                let client = HerdClient(address: try #require(herd.addresses["router"]), configuration: configuration)
                defer { client.close() }
                let code = await code(of: Registry.listModels.path, with: client)
                #expect(code == .unauthenticated, "\(authorization.prefix(100).debugDescription)")
            }
            // Too long to be looked at: who it is is not even asked.
            for (text, count) in [("herd_", 100_000), (" ", 1_000_000)] {
                var configuration = ClientConfiguration()
                configuration.authorization = "Bearer " + String(repeating: text, count: count)
                configuration.retryWindow = .zero
                let client = HerdClient(address: try #require(herd.addresses["router"]), configuration: configuration)
                defer { client.close() }
                let code = await code(of: Registry.listModels.path, with: client)
                #expect(code == .unavailable, "\(count)")
            }
            let operate = try herd.client(herd.admin)
            defer { operate.close() }
            _ = try await operate.call(Registry.listModels, ListModelsRequest())
            // Either case of the scheme is the same.
            var configuration = ClientConfiguration()
            configuration.authorization = "bearer \(secret)"
            let lower = HerdClient(address: try #require(herd.addresses["router"]), configuration: configuration)
            defer { lower.close() }
            _ = try await lower.call(Registry.listModels, ListModelsRequest())
        }
    }

    @Test func aHelloByteByByteLetsInWhomItShould() async throws {
        try await withGuardedHerd { herd in
            let address = try #require(herd.addresses["router"])
            for (secret, expected) in [(herd.admin, Frame.Kind.hello), (String(herd.admin.dropLast()), .goAway)] {
                let hello = Frame(
                    .hello, metadata: ["authorization": "Bearer \(secret)"], version: Frame.protocolVersion)
                // A call behind it, which is run only where the HELLO is good.
                let request = Frame(
                    .request, call: 1, method: Registry.putModel.path,
                    payload: PutModelRequest(model: Model(name: "pipelined", free: true)).pack())
                let bytes = hello.wireBytes() + request.wireBytes()
                let kind = try await onThread { try RawHello.firstKind(at: address, sending: bytes) }
                #expect(kind == expected)
                let operate = try herd.client(herd.admin)
                defer { operate.close() }
                if expected == .goAway {
                    let models = try await operate.call(Registry.listModels, ListModelsRequest()).models
                    #expect(models.count <= 1)
                } else {
                    let deadline = ContinuousClock.now + .seconds(10)
                    var count = 0
                    while count == 0, ContinuousClock.now < deadline {
                        count = try await operate.call(Registry.listModels, ListModelsRequest()).models.count
                    }
                    #expect(count == 1)
                    _ = try await operate.call(Registry.removeModel, RemoveModelRequest(name: "pipelined"))
                }
            }
            let operate = try herd.client(herd.admin)
            defer { operate.close() }
            #expect(try await operate.call(Registry.listModels, ListModelsRequest()).models.isEmpty)
        }
    }
}

/// Runs what blocks on a thread of its own.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}

/// A socket that blocks, to send what no client would.
enum RawHello {
    struct Failure: Error {}

    /// The kind of the first frame that comes back; nil where none does.
    ///
    /// - Parameter isByteByByte: whether each byte is sent by itself.
    static func firstKind(
        at address: EndpointAddress, sending bytes: [UInt8], isByteByByte: Bool = true
    ) throws -> Frame.Kind? {
        guard case .network(_, let port) = address else { throw Failure() }
        let socket = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = in_port_t(port).bigEndian
        inet_pton(AF_INET, "127.0.0.1", &name.sin_addr)
        let isConnected = withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { throw Failure() }
        var on: CInt = 1
        setsockopt(socket, CInt(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<CInt>.size))
        let size = isByteByByte ? 1 : bytes.count
        for start in stride(from: 0, to: bytes.count, by: size) {
            // The server may have ended it by then.
            let piece = Array(bytes[start..<min(start + size, bytes.count)])
            if send(socket, piece, piece.count, CInt(MSG_NOSIGNAL)) != piece.count { break }
        }
        var received: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let first = received.withUnsafeBytes { try? FrameDecoder(maximumLength: 1 << 20).next(in: $0)?.frame.kind }
            if let first { return first }
            let count = recv(socket, &chunk, chunk.count, 0)
            guard count > 0 else { return nil }
            received += chunk[..<count]
        }
    }
}
