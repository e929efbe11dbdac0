import HerdBackends
import HerdJSON
import Testing

@Suite("Bodies of requests")
struct ChatRequestTests {
    private static func body(_ request: ChatRequest) throws -> String {
        String(decoding: try request.body(model: "a-model"), as: UTF8.self)
    }

    private static let streaming = #""stream":true,"stream_options":{"include_usage":true}}"#

    @Test("The least")
    func least() throws {
        #expect(
            try Self.body(ChatRequest(messages: [.init(.user, "Hi")]))
                == #"{"model":"a-model","messages":[{"role":"user","content":"Hi"}],"# + Self.streaming)
    }

    @Test("Everything")
    func everything() throws {
        var request = ChatRequest(messages: [
            .init(.system, "Be brief."),
            .init(role: .user, parts: [.text("What?"), .imageURL("data:image/png;base64,AA==")], name: "Ann"),
            .init(role: .assistant, parts: [], toolCalls: [.init(id: "c", name: "f", arguments: "{\"x\": 1}")]),
            .init(role: .tool, parts: [.text("2")], toolCallID: "c"),
            .init(role: .assistant, parts: []),
        ])
        request.tools = [
            .init(name: "f", description: "adds", parametersJSON: Array("{ \"type\" : \"object\" }".utf8)),
            .init(name: "g"),
        ]
        request.toolChoice = .function("f")
        request.responseFormat = .jsonSchema(name: "s", schema: Array("{\"type\":\"object\"}".utf8), strict: true)
        request.stop = ["\n", "END"]
        request.seed = -3
        request.temperature = 0.25
        request.topP = 1
        request.maxTokens = 9
        request.extraJSON = Array("{\"top_p\": 0.50, \"min_p\":1e-3, \"logit_bias\": {\"7\": -100}}".utf8)
        #expect(
            try Self.body(request) == """
                {"model":"a-model","messages":[{"role":"system","content":"Be brief."},\
                {"role":"user","content":[{"type":"text","text":"What?"},\
                {"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}],"name":"Ann"},\
                {"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function",\
                "function":{"name":"f","arguments":"{\\"x\\": 1}"}}]},\
                {"role":"tool","content":"2","tool_call_id":"c"},{"role":"assistant","content":""}],\
                "tools":[{"type":"function","function":{"name":"f","description":"adds",\
                "parameters":{"type":"object"}}},{"type":"function","function":{"name":"g"}}],\
                "tool_choice":{"type":"function","function":{"name":"f"}},\
                "response_format":{"type":"json_schema","json_schema":{"name":"s","strict":true,\
                "schema":{"type":"object"}}},"stop":["\\n","END"],"seed":-3,"temperature":0.25,"max_tokens":9,\
                "top_p":0.50,"min_p":1e-3,"logit_bias":{"7":-100},
                """ + Self.streaming)
    }

    @Test("Choices and formats in one word")
    func words() throws {
        for (choice, word) in [(ChatRequest.ToolChoice.auto, "auto"), (.none, "none"), (.required, "required")] {
            var request = ChatRequest(messages: [.init(.user, "")])
            request.toolChoice = choice
            // Where there is nothing to choose from, only what cannot be met is told.
            #expect(try Self.body(request).contains("tool_choice") == (choice == .required))
            request.tools = [.init(name: "f")]
            #expect(try Self.body(request).contains("\"tool_choice\":\"\(word)\""))
        }
        for (format, word) in [(ChatRequest.ResponseFormat.text, "text"), (.jsonObject, "json_object")] {
            var request = ChatRequest(messages: [.init(.user, "")])
            request.responseFormat = format
            #expect(try Self.body(request).contains("\"response_format\":{\"type\":\"\(word)\"}"))
        }
    }

    @Test("What has been written is kept until something changes")
    func written() throws {
        var request = ChatRequest(messages: [.init(.user, "Hi")])
        request.extraJSON = Array("{\"min_p\":1}".utf8)
        let fresh = try Self.body(request)
        try request.write()
        #expect(try Self.body(request) == fresh)
        request.seed = 7
        #expect(try Self.body(request).contains("\"seed\":7"))
        request.extraJSON = Array("7".utf8)
        #expect(throws: ChatRequest.Invalid.self) { try request.write() }
    }

    @Test("Every character comes out as it went in")
    func characters() throws {
        var text = ""
        for value in UInt32(0)..<0x300 { if let scalar = Unicode.Scalar(value) { text.unicodeScalars.append(scalar) } }
        text += "\u{2028}\u{FEFF}\u{10FFFF}e\u{301}👩‍👩‍👧"
        let node = try JSONNode(reading: Array(Self.body(ChatRequest(messages: [.init(.user, text)])).utf8))
        guard case .object(let members) = node, case .array(let messages) = members[1].value,
            case .object(let message) = messages[0], case .string(let read) = message[1].value
        else {
            Issue.record("the body is not what it should be")
            return
        }
        #expect(Array(read.utf8) == Array(text.utf8))
    }

    @Test("What cannot be sent is named")
    func invalid() throws {
        func field(_ change: (inout ChatRequest) -> Void) -> String? {
            var request = ChatRequest(messages: [.init(.user, "x")])
            change(&request)
            do throws(ChatRequest.Invalid) {
                _ = try request.body(model: "m")
                return nil
            } catch {
                #expect(error.description.hasPrefix(error.field) && error.description.hasSuffix("."))
                return error.field
            }
        }
        #expect(field { _ in } == nil)
        #expect(field { $0.messages = [] } == "messages")
        #expect(field { $0.temperature = .nan } == "temperature")
        #expect(field { $0.topP = -.infinity } == "top_p")
        for key in ["model", "messages", "stream", "stream_options"] {
            #expect(field { $0.extraJSON = Array("{\"\(key)\": 1}".utf8) } == "extra_json.\(key)")
            // However it is written.
            #expect(
                field {
                    $0.extraJSON = Array("{\"\\u00\(String(key.utf8.first!, radix: 16))\(key.dropFirst())\": 1}".utf8)
                }
                    == "extra_json.\(key)")
        }
        for text in ["[]", "{", "{\"a\": 1} x", "{\"a\": 1, \"a\": 2}", "\u{0}"] {
            #expect(field { $0.extraJSON = Array(text.utf8) } == "extra_json")
            #expect(field { $0.tools = [.init(name: "f", parametersJSON: Array(text.utf8))] } == "tools[0].parameters")
        }
        #expect(field { $0.tools = [.init(name: "f"), .init(name: "")] } == "tools[1].name")
        #expect(
            field { $0.responseFormat = .jsonSchema(name: "s", schema: Array("1".utf8), strict: nil) }
                == "response_format.json_schema.schema")
        #expect(
            field { $0.responseFormat = .jsonSchema(name: "", schema: Array("{}".utf8), strict: nil) }
                == "response_format.json_schema.name")
    }
}
