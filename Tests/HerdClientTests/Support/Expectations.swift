import HerdClient
import HerdFrames
import HerdMessages
import HerdServer
import HerdTransport
import NIOCore
import NIOPosix
import Testing

/// Expects `body` to fail with that code.
@discardableResult
func expect<Value>(
    _ code: StatusCode, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Value
) async -> CallError? {
    do {
        _ = try await body()
        Issue.record("succeeded instead of \(code)", sourceLocation: sourceLocation)
        return nil
    } catch {
        let error = error as? CallError
        #expect(error?.code == code, "\(error?.message ?? "")", sourceLocation: sourceLocation)
        return error
    }
}

extension TestServer {
    /// What Status reports, over a connection of its own.
    func status() async throws -> StatusResponse {
        let client = client()
        defer { client.close() }
        return try await client.call(Admin.status, StatusRequest())
    }

    /// How many calls of the method have ended.
    func calls(of method: String) async throws -> UInt64 {
        try await status().methods.first { $0.method == method }?.calls ?? 0
    }

    /// Waits until no handler runs.
    func untilIdle() async throws {
        let server = server
        try await within {
            while server.runningCallCount > 0 { await Task.yield() }
        }
    }
}

/// Accepts connections and never says a word.
struct SilentServer {
    let address: EndpointAddress
    private let channel: any Channel

    static func start() async throws -> SilentServer {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        return SilentServer(address: try #require(EndpointAddress(boundTo: channel)), channel: channel)
    }

    func close() async throws {
        try await channel.close().get()
    }
}
