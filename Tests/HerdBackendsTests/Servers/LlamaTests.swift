import Foundation
import HerdBackends
import Testing

/// What a pool does with a real llama.cpp server.
@Suite(
    "llama.cpp", .serialized,
    .enabled(if: ServerProcess.python != nil, "No Python with llama.cpp's server; run Scripts/install.sh."))
struct LlamaTests {
    private static func endpoint(_ server: ServerProcess, concurrency: Int = 8) -> EndpointConfiguration {
        var endpoint = EndpointConfiguration(baseURL: server.firstLine + "/v1", modelName: "tiny-copy")
        endpoint.maxConcurrency = concurrency
        endpoint.maxQueue = 1000
        return endpoint
    }

    private static func port(_ server: ServerProcess) throws -> UInt16 {
        try #require(URL(string: server.firstLine)?.port.map(UInt16.init))
    }

    private static func request(_ word: String) -> ChatRequest {
        var request = ChatRequest(messages: [.init(.user, "Repeat after me: \(word)")])
        request.temperature = 0
        request.seed = 0
        request.maxTokens = 24
        return request
    }

    /// A request whose answer takes many seconds.
    private static var endless: ChatRequest {
        var request = request("shepherd")
        request.maxTokens = 60_000
        request.extraJSON = Array("{\"ignore_eos\": true}".utf8)
        return request
    }

    /// How many slots work on an answer.
    private static func busySlots(_ port: UInt16) throws -> Int {
        let slots = try JSONSerialization.jsonObject(with: Data(PlainHTTP.get(port: port, "/slots").utf8))
        let list = try #require(slots as? [[String: Any]])
        return list.count { $0["is_processing"] as? Bool == true }
    }

    @Test("An answer streams")
    func streaming() async throws {
        let server = try await ServerProcess.llama("tiny-copy")
        try await withPool([("m", [Self.endpoint(server)])]) { pool in
            let answer = try await pool.ask("m", Self.request("shepherd"))
            let outcome = try #require(answer.outcome)
            #expect(answer.events.first == .role("assistant"))
            #expect(outcome.finishReason == .stop)
            #expect(!outcome.usage.isEstimated)
            // A byte is a token to these models, and the end mark is one.
            #expect(outcome.usage.completion == answer.text.utf8.count + 1)
            #expect(outcome.usage.prompt > "Repeat after me: shepherd".utf8.count)
            let measured = try #require(pool.measurements()["m"])
            #expect(measured.firstTokenSeconds > 0 && measured.tokensPerSecond ?? 0 > 1)
        }
    }

    @Test("400 streams at a time: all whole, none mixed up", arguments: [400, 6], CallPlace.allCases)
    func many(_ concurrency: Int, _ place: CallPlace) async throws {
        let server = try await ServerProcess.llama("tiny-copy")
        let file = ServerProcess.root.appending(path: "Demo/models/words.txt")
        let words = try String(contentsOf: file, encoding: .utf8).split(whereSeparator: \.isWhitespace)
            .map(String.init)
        try await withPool([("m", [Self.endpoint(server, concurrency: concurrency)])], on: place) { pool in
            // What the model answers when it is asked nothing else, so that only its rounding could make a difference.
            var known: [(word: String, answer: String)] = []
            for word in words where word.count > 4 && known.count < 40 {
                let answer = try await pool.ask("m", Self.request(word)).text
                if answer == word { known.append((word, answer)) }
            }
            try #require(known.count >= 20, "tiny-copy cannot copy")
            let before = try openDescriptors()
            let wrong = try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<(concurrency == 400 ? 400 : 100) {
                    let (word, expected) = known[index % known.count]
                    group.addTask {
                        let answer = try await pool.ask("m", Self.request(word), within: .seconds(60))
                        return answer.text != expected
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(wrong == 0)
            let figures = pool.status().models[0].endpoints[0].figures
            #expect(figures.failures.isEmpty)
            try await eventually("descriptors are closed") { try openDescriptors() <= before + 1 }
        }
    }

    @Test("A cancelled call frees its slot within 50 ms", arguments: ["task", "stream", "dropped"], CallPlace.allCases)
    func cancelling(_ way: String, _ place: CallPlace) async throws {
        let server = try await ServerProcess.llama("tiny-copy", slots: 2, endless: true)
        let port = try Self.port(server)
        try await withPool([("m", [Self.endpoint(server)])], on: place) { pool in
            var times: [Double] = []
            for _ in 0..<5 {
                let deadline = MonotonicInstant.now.advanced(by: .seconds(60))
                var stream: ChatStream? = try await pool.open(model: "m", Self.endless, deadline: deadline)
                #expect(try await PlainHTTP.onThread { try Self.busySlots(port) } == 1)
                let started: MonotonicInstant
                switch way {
                case "task":
                    let reader = Task { [stream] in try await stream?.rest() }
                    started = .now
                    reader.cancel()
                    let result = await reader.result
                    #expect(throws: BackendError.self) { try result.get() }
                case "stream":
                    started = .now
                    stream?.cancel()
                default:
                    started = .now
                    stream = nil
                }
                times.append(
                    try await PlainHTTP.onThread {
                        while try Self.busySlots(port) > 0 {
                            guard started.seconds(to: .now) < 5 else { break }
                        }
                        return started.seconds(to: .now)
                    })
                _ = stream
            }
            times.sort()
            print("slot free after \(times.map { "\(($0 * 10_000).rounded() / 10) ms" })")
            #expect(times[times.count / 2] < 0.05)
            #expect(pool.status().models[0].endpoints[0].breaker == .closed)
        }
    }

    @Test("A reader that stops reading holds up nobody else")
    func stoppedReader() async throws {
        let server = try await ServerProcess.llama("tiny-copy", slots: 2, endless: true)
        try await withPool(
            [("m", [Self.endpoint(server)])], limits: { $0.betweenTokensTimeout = .milliseconds(500) }
        ) { pool in
            let deadline = MonotonicInstant.now.advanced(by: .seconds(60))
            let stopped = try await pool.open(model: "m", Self.endless, deadline: deadline)
            for _ in 0..<20 {
                let answer = try await pool.ask("m", Self.request("shepherd"))
                #expect(answer.outcome?.finishReason == .stop)
            }
            stopped.cancel()
        }
    }

    @Test("A pool adds little to a call")
    func addedLatency() async throws {
        let server = try await ServerProcess.llama("tiny-copy")
        let port = try Self.port(server)
        try await withPool([("m", [Self.endpoint(server)])]) { pool in
            let request = Self.request("elm")
            let body = try request.body(model: "m")
            var direct: [Double] = []
            var pooled: [Double] = []
            for _ in 0..<100 {
                direct.append(
                    try await PlainHTTP.onThread {
                        let started = MonotonicInstant.now
                        _ = try PlainHTTP.post(port: port, "/v1/chat/completions", body)
                        return started.seconds(to: .now)
                    })
                let started = MonotonicInstant.now
                _ = try await pool.ask("m", request)
                pooled.append(started.seconds(to: .now))
            }
            let median = { (times: [Double]) in times.sorted()[times.count / 2] * 1000 }
            print("median: directly \(median(direct)) ms, by the pool \(median(pooled)) ms")
            // Generous: debug builds and busy machines run this, too.
            #expect(median(pooled) < median(direct) + 5)
        }
    }

    @Test("A server that is killed inside an answer", arguments: CallPlace.allCases)
    func killed(_ place: CallPlace) async throws {
        let server = try await ServerProcess.llama("tiny-copy", slots: 2, endless: true)
        try await withPool([("m", [Self.endpoint(server)])], on: place, limits: { $0.maximumAttempts = 1 }) { pool in
            let deadline = MonotonicInstant.now.advanced(by: .seconds(60))
            let stream = try await pool.open(model: "m", Self.endless, deadline: deadline)
            server.kill()
            let error = try await #require(throws: BackendError.self) { _ = try await stream.rest() }
            #expect(error.kind == .cutOff && error.hadOutput)
            // The kernel takes connections until the process is gone.
            try await eventually("the server is gone") {
                let next = try await #require(throws: BackendError.self) { _ = try await pool.ask("m", "x") }
                return next.kind == .unreachable || next.kind == .breakerOpen
            }
        }
    }
}
