import HerdClient
import HerdFrames
import HerdMessages
import HerdServices
import Testing

@Suite struct EndpointTests {
    @Test func allOfAnEndpointIsKept() async throws {
        try await withTestHerd { herd in
            var model = Model(name: "m")
            model.endpoints = [
                Endpoint(
                    baseUrl: "https://api.example.com:8443/v1", model: "other", maxConcurrency: 7,
                    apiKeyEnv: "HERD_KEY_EXAMPLE", connectTimeout: 1.5, firstTokenTimeout: 20, tokenTimeout: 3),
                Endpoint(baseUrl: "http://[::1]:8080/v1"),
            ]
            _ = try await herd.call(Registry.putModel, PutModelRequest(model: model))
            let stored = try await herd.call(Registry.getModel, GetModelRequest(name: "m")).model
            #expect(stored?.endpoints == model.endpoints)
        }
    }

    @Test func wrongEndpointsAreRefusedByFieldAndNeverQuoted() async throws {
        let secret = "hunter2"
        let good = "http://127.0.0.1:8080/v1"
        let wrong: [(String, Endpoint)] = [
            ("base_url", Endpoint(baseUrl: "ftp://\(secret)@host/")),
            ("base_url", Endpoint(baseUrl: "http://user:\(secret)@host/v1")),
            ("base_url", Endpoint(baseUrl: "http://host/v1?key=\(secret)")),
            ("base_url", Endpoint(baseUrl: "http://host/v1#\(secret)")),
            ("base_url", Endpoint(baseUrl: "http://")), ("base_url", Endpoint(baseUrl: "http://:80/v1")),
            ("base_url", Endpoint(baseUrl: "http://host:0/v1")), ("base_url", Endpoint(baseUrl: "http://host:99999/")),
            ("base_url", Endpoint(baseUrl: "http://[::1/v1")), ("base_url", Endpoint(baseUrl: "http://a b/v1")),
            ("api_key_env", Endpoint(baseUrl: good, apiKeyEnv: "sk-\(secret)")),
            ("api_key_env", Endpoint(baseUrl: good, apiKeyEnv: "HERD_KEY_")),
            ("api_key_env", Endpoint(baseUrl: good, apiKeyEnv: "HERD_KEY_low-\(secret)")),
            ("api_key_env", Endpoint(baseUrl: good, apiKeyEnv: "HERD_KEY_A", apiKeyFile: "a")),
            ("max_concurrency", Endpoint(baseUrl: good, maxConcurrency: 4_097)),
            ("connect_timeout", Endpoint(baseUrl: good, connectTimeout: 3_601)),
            ("first_token_timeout", Endpoint(baseUrl: good, firstTokenTimeout: -1)),
            ("token_timeout", Endpoint(baseUrl: good, tokenTimeout: .nan)),
        ]
        try await withTestHerd { herd in
            for (field, endpoint) in wrong {
                let request = PutModelRequest(model: Model(name: "m", endpoints: [endpoint]))
                let message = await expectFailure(.invalidArgument) {
                    _ = try await herd.call(Registry.putModel, request)
                }
                #expect(message.contains("model.endpoints[0]") && message.contains(field), "\(message)")
                #expect(!message.contains(secret), "\(message)")
            }
            let file = PutModelRequest(model: Model(name: "m", endpoints: [Endpoint(baseUrl: good, apiKeyFile: "a")]))
            let message = await expectFailure(.failedPrecondition) { _ = try await herd.call(Registry.putModel, file) }
            #expect(message.contains("router.secrets_dir"))
            let many = PutModelRequest(
                model: Model(name: "m", endpoints: (0..<33).map { Endpoint(baseUrl: "http://h:\($0 + 1)/v1") }))
            await expectFailure(.invalidArgument) { _ = try await herd.call(Registry.putModel, many) }
        }
    }

    @Test func onlyModelsThatCanBeRunAndCanDoItAreCompleted() async throws {
        try await withTestHerd { herd in
            try await herd.addModels(["shepherd"])
            _ = try await herd.call(
                Registry.putPolicy, PutPolicyRequest(policy: Policy(name: "default", defaultModel: "shepherd")))
            func message(_ code: StatusCode, _ options: GenerationOptions? = nil) async -> String {
                await expectFailure(code) {
                    let request = CompleteRequest(route: RouteRequest(prompt: "hi"), options: options)
                    for try await _ in herd.router.stream(Router.complete, request) {}
                }
            }
            #expect(await message(.failedPrecondition).contains("has no endpoint"))
            var model = Model(name: "shepherd", free: true)
            model.endpoints = [Endpoint(baseUrl: "http://127.0.0.1:1/v1")]
            _ = try await herd.call(Registry.putModel, PutModelRequest(model: model))
            let tools = GenerationOptions(tools: [Tool(name: "add")])
            #expect(await message(.failedPrecondition, tools).contains("'tools'"))
            let json = GenerationOptions(responseFormat: ResponseFormat(type: "json_object"))
            #expect(await message(.failedPrecondition, json).contains("'json'"))
            #expect(await message(.unavailable).contains("127.0.0.1:1"))
            let wrong: [(String, GenerationOptions)] = [
                ("options.temperature", GenerationOptions(samplingTemperature: .temperature(-1))),
                ("options.top_p", GenerationOptions(nucleus: .topP(2))),
                ("options.tool_choice", GenerationOptions(toolChoice: "required")),
                ("options.tool_choice", GenerationOptions(tools: [Tool(name: "a")], toolChoice: "b")),
                ("options.tools[0].parameters", GenerationOptions(tools: [Tool(name: "a", parameters: "{")])),
                ("options.response_format.type", GenerationOptions(responseFormat: ResponseFormat(type: "xml"))),
                (
                    "options.response_format.schema",
                    GenerationOptions(responseFormat: ResponseFormat(type: "json_schema"))
                ),
                ("options.extra_json", GenerationOptions(extraJson: Array("[]".utf8))),
                ("options.extra_json", GenerationOptions(extraJson: Array(#"{"messages": []}"#.utf8))),
                ("options.stop", GenerationOptions(stop: [""])),
            ]
            for (field, options) in wrong {
                let said = await message(.invalidArgument, options)
                #expect(said.contains(field), "\(said)")
            }
            await expectFailure(.notFound) {
                for try await _ in herd.router.stream(Router.generate, GenerateRequest(model: "x", prompt: "a")) {}
            }
        }
    }
}
