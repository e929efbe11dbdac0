import HerdDatasets
import Testing

@Suite("Herd files")
struct HerdFileTests {
    private func message(_ yaml: String) -> String? {
        do {
            _ = try HerdFile(yaml: yaml, path: "herd.yaml")
            return nil
        } catch {
            #expect(error.code == .invalid && error.path == "herd.yaml")
            return error.message
        }
    }

    @Test("with every key")
    func everyKey() throws {
        let file = try HerdFile(
            yaml: """
                models:
                  - name: mistralai/mixtral-8x7b-chat
                    parameters_b: 46.7
                    active_b: 12.9
                    licence: apache-2.0
                    context: 32768
                    price_in: 0.6
                    price_out: 0.6
                    price_cached: 0
                    free: false
                    released: 2023-12-11
                    memory_gb: 93.4
                    capabilities: [chat, tools]
                    first_token_seconds: 0.3
                    tokens_per_second: 50
                    output_tokens: 200
                    local: true
                    endpoints:
                      - base_url: http://127.0.0.1:8080/v1
                        model: mixtral
                        max_concurrency: 4
                        api_key_env: HERD_KEY_MIXTRAL
                  - name: "12"
                    licence: null
                """, path: "herd.yaml")
        var wanted = ModelFacts(name: "mistralai/mixtral-8x7b-chat")
        wanted.parametersB = 46.7
        wanted.activeB = 12.9
        wanted.licence = "apache-2.0"
        wanted.context = 32768
        wanted.priceIn = 0.6
        wanted.priceOut = 0.6
        wanted.priceCached = 0
        wanted.free = false
        wanted.released = "2023-12-11"
        wanted.memoryGB = 93.4
        wanted.capabilities = ["chat", "tools"]
        wanted.firstTokenSeconds = 0.3
        wanted.tokensPerSecond = 50
        wanted.outputTokens = 200
        wanted.local = true
        wanted.endpoints = [
            ModelFacts.Endpoint(
                baseURL: "http://127.0.0.1:8080/v1", model: "mixtral", maxConcurrency: 4,
                apiKeyEnv: "HERD_KEY_MIXTRAL")
        ]
        #expect(file == HerdFile(models: [wanted, ModelFacts(name: "12")]))
        #expect(file.model(named: "12") != nil && file.model(named: "13") == nil)
    }

    @Test(
        "that are wrong are refused with line and key",
        arguments: [
            ("", "is empty"), ("models: []", "names no model"), ("models: {a: 1}", "must be a list"),
            ("herd: []", "unknown key \"herd\""), ("- a", "must be a mapping"),
            ("models:\n  - name: a\n    size: 7", "line 3: unknown key \"size\""),
            ("models:\n  - parameters_b: 7", "without a name"),
            ("models:\n  - name: a\n  - name: a", "appears twice"),
            ("models:\n  - name: a\n    parameters_b: big", "parameters_b is \"big\""),
            ("models:\n  - name: a\n    parameters_b: 0", "must be over 0"),
            ("models:\n  - name: a\n    price_in: -1", "0 or more"),
            ("models:\n  - name: a\n    price_in: .nan", "0 or more"),
            ("models:\n  - name: a\n    context: 1.5", "whole number"),
            ("models:\n  - name: a\n    context: 99999999999999999999", "whole number"),
            ("models:\n  - name: a\n    released: 2023-02-30", "does not exist"),
            ("models:\n  - name: a\n    released: 11.12.2023", "YYYY-MM-DD"),
            ("models:\n  - name: a\n    local: maybe", "true or false"),
            ("models:\n  - name: a\n    capabilities: tools", "must be a list"),
            ("models:\n  - name: a\n    parameters_b: 7\n    active_b: 8", "over its parameters_b"),
            ("models:\n  - name: a\n    endpoints: [{model: b}]", "without a base_url"),
            ("models:\n  - name: a\n    endpoints: [{base_url: b, port: 1}]", "unknown key \"port\""),
            ("models:\n  - name: [a]", "must be plain text"), ("models: [", "not valid YAML"),
        ])
    func wrong(_ yaml: String, _ expected: String) throws {
        let found = try #require(message(yaml))
        #expect(found.contains(expected), "\(found)")
    }

    @Test("that the repository comes with", arguments: [("routerdc", 7), ("routerbench", 11), ("llmrouter", 9)])
    func checkedIn(_ name: String, _ count: Int) throws {
        let root = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let file = try HerdFile(path: "/\(root)/Config/herds/\(name).yaml")
        #expect(file.models.count == count)
        for model in file.models {
            #expect(model.licence != nil && model.released != nil && model.priceIn != nil && model.context != nil)
            #expect(model.parametersB != nil || model.licence == "proprietary")
        }
    }

    @Test("that are not there or are something else")
    func unreadable() throws {
        let missing = #expect(throws: DatasetError.self) { try HerdFile(path: "/nonexistent.yaml") }
        #expect(missing?.code == .missing)
        let binary = try TemporaryFile([0xFF, 0xFE, 0x00])
        let error = #expect(throws: DatasetError.self) { try HerdFile(path: binary.path) }
        #expect(error?.code == .invalid)
    }
}
