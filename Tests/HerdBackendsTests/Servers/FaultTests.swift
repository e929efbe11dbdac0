import HerdBackends
import Testing

/// What becomes of a call when a real server misbehaves; the table in `Sources/HerdBackends/README.md`.
@Suite("Faults", .serialized)
struct FaultTests {
    struct Fault: Sendable, CustomTestStringConvertible {
        var behaviour: String
        var port = "plain"
        var scheme = "http"
        var kind: BackendError.Kind
        var hadOutput = false
        /// Whether another endpoint is asked.
        var failsOver = true
        /// Words of the message.
        var says: String

        var testDescription: String { "\(behaviour) on \(port)" }
    }

    static let faults: [Fault] = [
        Fault(behaviour: "fine", port: "refused", kind: .unreachable, says: "cannot be reached"),
        Fault(behaviour: "fine", port: "full", kind: .timeout(.connect), says: "No connection"),
        Fault(behaviour: "hang-before-headers", kind: .timeout(.firstToken), says: "no token within 0.4 s"),
        Fault(behaviour: "hang-before-token", kind: .timeout(.firstToken), says: "no token within 0.4 s"),
        Fault(
            behaviour: "hang-between-tokens", kind: .timeout(.betweenTokens), hadOutput: true,
            says: "no more tokens for 0.4 s"),
        Fault(behaviour: "cut", kind: .cutOff, hadOutput: true, says: "ended the connection before"),
        Fault(behaviour: "cut-in-event", kind: .cutOff, hadOutput: true, says: "ended the connection before"),
        Fault(behaviour: "cut-in-good-order", kind: .cutOff, hadOutput: true, says: "in the middle"),
        Fault(behaviour: "cut-before-token", kind: .cutOff, says: "ended the connection before"),
        Fault(behaviour: "cut-before-headers", kind: .cutOff, says: "ended the connection before"),
        Fault(
            behaviour: "limited-for-long", kind: .status(code: 429, retryAfterSeconds: 3600),
            says: "status 429, and asks for a pause of 3600 s: \"slow down\""),
        Fault(
            behaviour: "failing", kind: .status(code: 500, retryAfterSeconds: nil),
            says: "status 500: \"Internal Server Error\""),
        Fault(behaviour: "wrong-json", kind: .badResponse, says: "an event of its stream is wrong"),
        Fault(behaviour: "wrong-utf8", kind: .badResponse, says: "UTF-8"),
        Fault(behaviour: "wrong-page", kind: .badResponse, says: "no stream of a chat completion"),
        Fault(
            behaviour: "error-inside", kind: .status(code: 500, retryAfterSeconds: nil), hadOutput: true,
            says: "gave up inside its answer: \"slot lost\""),
        Fault(behaviour: "long-line", kind: .tooLarge, says: "a line of over 1048576 bytes"),
        Fault(behaviour: "long-header", kind: .tooLarge, says: "its header is over 65536 bytes"),
        Fault(
            behaviour: "redirect", kind: .redirected(host: "elsewhere.invalid"), says: "redirects to elsewhere.invalid"),
        Fault(behaviour: "refusing", kind: .badRequest(status: 401), failsOver: false, says: "Is its key right?"),
        Fault(
            behaviour: "bad-request", kind: .badRequest(status: 400), failsOver: false,
            says: "longer than the context (exceed_context_size_error)"),
        Fault(
            behaviour: "unheard-of", kind: .badRequest(status: 404), failsOver: false,
            says: "Are its base URL and the name of its model right?"),
        Fault(behaviour: "fine", port: "expired", scheme: "https", kind: .tls, says: "certificate has expired"),
        Fault(behaviour: "fine", port: "other", scheme: "https", kind: .tls, says: "127.0.0.1"),
        Fault(behaviour: "fine", port: "good", scheme: "https", kind: .tls, says: "cannot be trusted"),
    ]

    private static func endpoint(_ fault: Fault, _ server: FaultyServer) throws -> EndpointConfiguration {
        try server.endpoint(fault.behaviour, port: fault.port, scheme: fault.scheme) { endpoint in
            // Only this one is trusted by the CA of the test.
            if fault.scheme == "https", fault.port != "good" { endpoint.caFile = server.ca }
            if fault.port == "full" { endpoint.connectTimeout = .milliseconds(300) }
            if fault.behaviour.hasPrefix("hang") {
                endpoint.firstTokenTimeout = .milliseconds(400)
                endpoint.betweenTokensTimeout = .milliseconds(400)
            }
        }
    }

    @Test("A fault at the only endpoint", arguments: faults, CallPlace.allCases)
    func alone(_ fault: Fault, _ place: CallPlace) async throws {
        let server = try await FaultyServer.shared
        let before = try await server.figures().open[fault.behaviour] ?? 0
        try await withPool(
            [("m", [try Self.endpoint(fault, server)])], on: place, secrets: server.folder,
            limits: { $0.maximumAttempts = 1 }
        ) { pool in
            let error = try await #require(throws: BackendError.self) { _ = try await pool.ask("m", "a b c") }
            #expect(error.kind == fault.kind)
            #expect(error.hadOutput == fault.hadOutput)
            #expect(error.message.contains(fault.says), "\(error.message)")
            #expect(error.attempts.map(\.failure) == [fault.kind])
            let figures = pool.status().models[0].endpoints[0].figures
            #expect(figures.failures == [fault.kind.label: 1])
            try await eventually("the server is rid of the call") {
                try await server.figures().open[fault.behaviour] ?? 0 <= before
            }
        }
    }

    @Test("A fault at the first of two endpoints", arguments: faults.filter { !$0.hadOutput }, CallPlace.allCases)
    func failover(_ fault: Fault, _ place: CallPlace) async throws {
        let server = try await FaultyServer.shared
        let endpoints = [try Self.endpoint(fault, server), try server.endpoint("fine")]
        try await withPool([("m", endpoints)], on: place, secrets: server.folder) { pool in
            guard fault.failsOver else {
                let error = try await #require(throws: BackendError.self) { _ = try await pool.ask("m", "a b c") }
                #expect(error.attempts.count == 1)
                return
            }
            let answer = try await pool.ask("m", "a b c", within: .seconds(10))
            #expect(answer.text == "a b c")
            let outcome = try #require(answer.outcome)
            #expect(outcome.attempts.map(\.failure) == [fault.kind, nil])
            #expect(outcome.endpoint == endpoints[1].baseURL)
            #expect(pool.status().models[0].retries == 1)
        }
    }

    @Test("What came before a fault is handed out", arguments: CallPlace.allCases)
    func partial(_ place: CallPlace) async throws {
        let server = try await FaultyServer.shared
        try await withPool([("m", [try server.endpoint("cut")])], on: place) { pool in
            let request = ChatRequest(messages: [.init(.user, "x")])
            let stream = try await pool.open(model: "m", request, deadline: .now.advanced(by: .seconds(20)))
            var text = ""
            let error = try await #require(throws: BackendError.self) {
                while let batch = try await stream.nextBatch() {
                    for case .text(let more) in batch { text += more }
                }
            }
            #expect(text == "one two")
            #expect(error.kind == .cutOff)
            #expect(stream.outcome == nil)
            #expect(stream.usageSoFar == TokenUsage(prompt: 1, completion: 2, isEstimated: true))
            // It is told again to who asks again.
            let again = try await #require(throws: BackendError.self) { _ = try await stream.nextBatch() }
            #expect(again == error)
        }
    }

    @Test("Nothing is left open after all faults", arguments: CallPlace.allCases)
    func leaks(_ place: CallPlace) async throws {
        let server = try await FaultyServer.shared
        let endpoints = try Self.faults.map { try Self.endpoint($0, server) }
        _ = try await server.figures()
        func round() async throws {
            try await withPool(
                endpoints.enumerated().map { ("m\($0.offset)", [$0.element]) }, on: place, secrets: server.folder,
                limits: { $0.maximumAttempts = 1 }
            ) { pool in
                await withDiscardingTaskGroup { group in
                    for index in endpoints.indices { group.addTask { _ = try? await pool.ask("m\(index)", "a b c") } }
                }
            }
        }
        // The first round opens what stays open: libcurl's and the runtime's own files.
        try await round()
        let before = try openDescriptors()
        for _ in 0..<2 { try await round() }
        // Other suites open and close theirs meanwhile.
        try await eventually("no more descriptors are open than before") { try openDescriptors() <= before }
    }
}
