import HerdClient
import HerdFrames
import HerdMessages
import HerdServices
import Testing

/// What a request asks of the model that is to run it.
@Suite struct RequestNeedsTests {
    /// A herd of one model, which can do nothing but chat.
    private func withModel(_ body: (TestHerd) async throws -> Void) async throws {
        try await withTestHerd { herd in
            var model = Model(name: "plain", context: 1_024, free: true, capabilities: ["chat"])
            model.endpoints = [Endpoint(baseUrl: "http://127.0.0.1:1/v1")]
            _ = try await herd.call(Registry.putModel, PutModelRequest(model: model))
            var policy = Policy(name: "default", defaultModel: "plain")
            policy.promptFlags = true
            _ = try await herd.call(Registry.putPolicy, PutPolicyRequest(policy: policy))
            try await body(herd)
        }
    }

    private func message(
        _ herd: TestHerd, _ code: StatusCode, _ route: RouteRequest = RouteRequest(prompt: "hi"),
        options: GenerationOptions? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) async -> String {
        await expectFailure(code, sourceLocation: sourceLocation) {
            let request = CompleteRequest(route: route, options: options)
            for try await _ in herd.router.stream(Router.complete, request) {}
        }
    }

    @Test func whatIsMergedIntoTheRequestCountsToo() async throws {
        try await withModel { herd in
            func said(_ json: String, _ code: StatusCode = .failedPrecondition) async -> String {
                await message(herd, code, options: GenerationOptions(extraJson: Array(json.utf8)))
            }
            #expect(await said(#"{"tools": [{"type": "function", "function": {"name": "a"}}]}"#).contains("'tools'"))
            #expect(await said(#"{"functions": [{"name": "a"}]}"#).contains("'tools'"))
            #expect(await said(#"{"response_format": {"type": "json_object"}}"#).contains("'json'"))
            #expect(await said(#"{"json_schema": {"type": "object"}}"#).contains("'json'"))
            for harmless in [#"{"tools": []}"#, #"{"response_format": {"type": "text"}}"#, #"{"top_k": 1}"#] {
                #expect(await said(harmless, .unavailable).contains("127.0.0.1:1"))
            }
            // What is merged in wins over the typed field.
            let both = GenerationOptions(
                responseFormat: ResponseFormat(type: "json_object"),
                extraJson: Array(#"{"response_format": {"type": "text"}}"#.utf8))
            #expect(await message(herd, .unavailable, options: both).contains("127.0.0.1:1"))
        }
    }

    @Test func aConversationWithToolsNeedsAModelThatKnowsThem() async throws {
        try await withModel { herd in
            let user = ChatMessage(role: "user", content: [ContentPart(part: .text("hi"))])
            var call = ChatMessage(role: "assistant")
            call.toolCalls = [ToolCall(id: "1", name: "look", arguments: "{}")]
            let result = ChatMessage(role: "tool", content: [ContentPart(part: .text("a sheep"))])
            for other in [call, result] {
                let said = await expectFailure(.failedPrecondition) {
                    _ = try await herd.call(Router.route, RouteRequest(messages: [user, other]))
                }
                #expect(said.contains("'tools'"))
            }
        }
    }

    @Test func toolsTakeRoomInTheContext() async throws {
        try await withModel { herd in
            var model = try #require(try await herd.call(Registry.getModel, GetModelRequest(name: "plain")).model)
            model.capabilities = ["chat", "tools"]
            _ = try await herd.call(Registry.putModel, PutModelRequest(model: model))
            let schema = #"{"type": "object", "description": "\#(String(repeating: "x", count: 8_000))"}"#
            let large = GenerationOptions(tools: [Tool(name: "a", parameters: schema)])
            #expect(await message(herd, .failedPrecondition, options: large).contains("context"))
            let small = GenerationOptions(tools: [Tool(name: "a", parameters: #"{"type": "object"}"#)])
            #expect(await message(herd, .unavailable, options: small).contains("127.0.0.1:1"))
            let extra = GenerationOptions(extraJson: Array(#"{"tools": [{"function": \#(schema)}]}"#.utf8))
            #expect(await message(herd, .failedPrecondition, options: extra).contains("context"))
            let user = ChatMessage(role: "user", content: [ContentPart(part: .text("hi"))])
            var call = ChatMessage(role: "assistant")
            call.toolCalls = [ToolCall(id: "1", name: "look", arguments: schema)]
            #expect(
                await message(herd, .failedPrecondition, RouteRequest(messages: [user, call])).contains("context"))
        }
    }

    @Test func nothingIsNotAsked() async throws {
        try await withModel { herd in
            #expect(await message(herd, .invalidArgument, RouteRequest(prompt: " \n ")).contains("route.prompt"))
            let flags = RouteRequest(prompt: "[Flag: smallest model]")
            #expect(await message(herd, .invalidArgument, flags).contains("nothing but flags"))
            let silent = RouteRequest(messages: [ChatMessage(role: "user")])
            #expect(await message(herd, .invalidArgument, silent).contains("route.messages"))
            let decided = try await herd.status(herd.router).figures["degraded_decisions"]
            #expect(decided == 0, "and nothing is decided")
        }
    }

    @Test func everyAttemptSaysWhatWentWrong() async throws {
        let stub = try ModelStub { _ in .status(503, "the barn is on fire") }
        try await withTestHerd { herd in
            let model = Model(name: "m", free: true, endpoints: [stub.endpoint])
            _ = try await herd.call(Registry.putModel, PutModelRequest(model: model))
            var attempts: [Attempt] = []
            do throws(CallError) {
                let request = GenerateRequest(model: "m", prompt: "hi")
                for try await event in herd.router.stream(Router.generate, request) {
                    if case .finish(let finish)? = event.event { attempts = finish.attempts }
                }
                Issue.record("nothing failed")
            } catch {
                #expect(error.code == .unavailable)
            }
            #expect(attempts.count > 1)
            for attempt in attempts { #expect(attempt.error.contains("the barn is on fire"), "\(attempt.error)") }
        }
    }
}
