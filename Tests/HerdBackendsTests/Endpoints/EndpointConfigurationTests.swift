import HerdBackends
import Testing

@Suite("Endpoints' configurations")
struct EndpointConfigurationTests {
    private static func field(_ change: (inout EndpointConfiguration) -> Void) -> String? {
        var endpoint = EndpointConfiguration(baseURL: "http://127.0.0.1:8080/v1", modelName: "m")
        change(&endpoint)
        do throws(EndpointConfiguration.Invalid) {
            try endpoint.validate()
            return nil
        } catch {
            #expect(error.description.hasPrefix(error.field) && error.description.hasSuffix("."))
            return error.field
        }
    }

    @Test func addressesThatAreTaken() {
        for url in [
            "http://localhost", "HTTPS://api.example.com/v1/", "http://[::1]:8080/v1",
            "https://example.com:443/a/b%20c/v1",
        ] {
            #expect(Self.field { $0.baseURL = url } == nil, "\(url)")
        }
    }

    @Test func addressesThatAreRefused() {
        for url in [
            "", "localhost:8080", "ftp://x/v1", "file:///etc/passwd", "http://", "http:///v1", "http://:80/v1",
            "http://u:p@host/v1", "http://host/v1?key=1", "http://host/v1#x", "http://ho st/v1", "http://host:0/v1",
            "http://host:65536/v1", "http://host:+1/v1", "http://host:x/v1", "http://[::1/v1", "http://h\u{0}st/v1",
            "http://hóst/v1", "http://host/v1\r\nX: 1", "http://" + String(repeating: "h", count: 2048),
        ] {
            #expect(Self.field { $0.baseURL = url } == "base_url", "\(url)")
        }
        var endpoint = EndpointConfiguration(baseURL: "http://user:secret@host/v1", modelName: "m")
        let error = #expect(throws: EndpointConfiguration.Invalid.self) { try endpoint.validate() }
        #expect(error?.description.contains("secret") == false)
        endpoint.baseURL = "http://host/v1"
        #expect(throws: Never.self) { try endpoint.validate() }
    }

    @Test func otherFields() {
        #expect(Self.field { $0.modelName = "" } == "model")
        #expect(Self.field { $0.maxConcurrency = 0 } == "max_concurrency")
        #expect(Self.field { $0.maxQueue = -1 } == "max_queue")
        #expect(Self.field { $0.connectTimeout = .zero } == "connect_timeout")
        #expect(Self.field { $0.firstTokenTimeout = .seconds(100_000) } == "first_token_timeout")
        #expect(Self.field { $0.betweenTokensTimeout = .seconds(-1) } == "token_timeout")
        for name in ["PATH", "HERD_KEY_", "HERD_KEY_A B", "herd_key_a", "HERD_KEY_A=1", "sk-123", "HERD_KEY_\u{0}"] {
            #expect(Self.field { $0.apiKeyEnv = name } == "api_key_env", "\(name)")
        }
        #expect(Self.field { $0.apiKeyEnv = "HERD_KEY_OpenAI_2" } == nil)
        for path in ["", "/", "../x", "a/../b", "a/..", "a\u{0}b"] {
            #expect(Self.field { $0.apiKeyFile = path } == "api_key_file", "\(path)")
            #expect(Self.field { $0.caFile = path } == "ca_file", "\(path)")
        }
        #expect(Self.field { $0.apiKeyFile = "inner/..key" } == nil)
        #expect(
            Self.field {
                $0.apiKeyEnv = "HERD_KEY_A"
                $0.apiKeyFile = "a"
            } == "api_key_file")
    }

    @Test func aKeyIsScrubbedFromWhatOthersSay() {
        let key = Secret("sk-0123456789")
        #expect(key.scrubbed(from: "wrong key sk-0123456789!") == "wrong key (key)!")
        #expect(
            key.scrubbed(from: "it ends with 456789, begins with sk-012...")
                == "it ends with (key), begins with (key)...")
        #expect(key.scrubbed(from: "nothing here") == "nothing here")
        #expect(Secret("abc").scrubbed(from: "xabcx") == "x(key)x")
        #expect("\(key) \(String(reflecting: key)) \([key])" == "(secret) (secret) [(secret)]")
        var dumped = ""
        dump(key, to: &dumped)
        #expect(!dumped.contains("sk-"))
    }
}
