import HerdBackends
import Logging
import Testing

/// What a pool does with a real llama.cpp server.
@Suite(
    "llama.cpp", .serialized,
    .enabled(if: ServerProcess.python != nil, "No Python with llama.cpp's server; run Scripts/install.sh."))
struct LlamaTests {
    private static func pool(
        _ server: ServerProcess, model: String = "tiny-upper",
        _ change: (inout EndpointConfiguration) -> Void = { _ in }
    ) throws -> BackendPool {
        let pool = try BackendPool(BackendConfiguration(), logger: Logger(label: "test"))
        var endpoint = EndpointConfiguration(baseURL: server.firstLine + "/v1", modelName: model)
        change(&endpoint)
        pool.update([(model, [endpoint])])
        return pool
    }

    @Test func anAnswerStreams() async throws {
        let server = try await ServerProcess.llama()
        let pool = try Self.pool(server)
        var request = ChatRequest(messages: [.init(.user, "upper: quick brown fox")])
        request.temperature = 0
        request.maxTokens = 32
        let stream = try await pool.open(model: "tiny-upper", request, deadline: .now.advanced(by: .seconds(20)))
        var text = ""
        var events: [ChatEvent] = []
        while let batch = try await stream.nextBatch() {
            events += batch
            for case .text(let more) in batch { text += more }
        }
        print(events, text, stream.outcome as Any)
        print(pool.status(), pool.measurements())
        #expect(text == "QUICK BROWN FOX")
        await pool.shutDown()
    }
}
