import Foundation
import HerdBackends
import Testing

extension MeasuredTests {
    /// A reader that stops reading, against a server that never stops sending.
    @Suite("Back-pressure", .serialized)
    struct BackPressureTests {
        private static func residentBytes() throws -> Int {
            let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
            let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
            return try #require(Int(line.split(whereSeparator: \.isWhitespace)[1])) * 1024
        }

        // libcurl and its TLS keep bytes of a connection that no socket tells of.
        @Test(
            "The server waits, the memory stays, the others go on, and no time-out fires", arguments: ["http", "https"])
        func stopped(_ scheme: String) async throws {
            let server = try await FaultyServer.shared
            let name = "flood.stopped-\(scheme)"
            let flood = try server.endpoint(name, port: scheme == "http" ? "plain" : "good", scheme: scheme) {
                if scheme == "https" { $0.caFile = "ca.pem" }
            }
            let models = [("flood", [flood]), ("fine", [try server.endpoint("fine.stopped")])]
            try await withPool(
                models.map { (model: $0.0, endpoints: $0.1) }, secrets: server.folder,
                limits: {
                    $0.betweenTokensTimeout = .seconds(1)
                    $0.maximumAnswerBytes = 1 << 30
                }
            ) { pool in
                let request = ChatRequest(messages: [.init(.user, "x")])
                var streams: [ChatStream] = []
                for _ in 0..<4 {
                    streams.append(
                        try await pool.open(model: "flood", request, deadline: .now.advanced(by: .seconds(60))))
                }
                func sent() async throws -> Int { try await server.figures().sent_bytes[name] ?? 0 }
                // Until the sockets' buffers on both sides are full.
                var (before, unchanged) = (-1, 0)
                try await eventually("the server has to wait") {
                    let now = try await sent()
                    unchanged = now == before ? unchanged + 1 : 0
                    before = now
                    guard unchanged < 4 else { return true }
                    try await Task.sleep(for: .milliseconds(100))
                    return false
                }
                let memory = try Self.residentBytes()
                for _ in 0..<50 {
                    let answer = try await pool.ask("fine", "a b")
                    #expect(answer.text == "a b")
                }
                let work = try #require(await pool.transferWork())
                // Longer than the time-out between tokens.
                try await Task.sleep(for: .seconds(2))
                // The sockets are full all the time, and nobody turns in circles because of it.
                let done = try #require(await pool.transferWork()) - work
                #expect(done.waits < 50, "\(done)")
                #expect(try await sent() == before)
                #expect(try Self.residentBytes() < memory + (8 << 20))
                // Who reads again gets on from where it was.
                var bytes = 0
                while bytes < 2 << 20, let batch = try await streams[0].nextBatch() {
                    var size = 0
                    for case .text(let text) in batch { size += text.utf8.count }
                    #expect(size <= 256 << 10)
                    bytes += size
                }
                #expect(bytes >= 2 << 20)
                #expect(try await sent() > before)
                streams = []
                try await eventually("the server is rid of them") {
                    try await server.figures().open[name] == 0
                }
            }
        }
    }
}
