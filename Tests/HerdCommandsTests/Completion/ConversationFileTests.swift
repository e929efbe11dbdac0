import HerdCommands
import HerdJSON
import HerdMessages
import Testing

@Suite struct ConversationFileTests {
    private static func node(_ text: String) throws -> JSONNode { try JSONNode(reading: Array(text.utf8)) }

    @Test func conversationsAreReadAsOpenAIWritesThem() throws {
        let messages = try MessagesFile.messages(
            try Self.node(
                #"""
                [{"role": "system", "content": "be brief"},
                 {"role": "user", "content": [{"type": "text", "text": "what is it?"},
                    {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]},
                 {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"a\":1}"}}]},
                 {"role": "tool", "tool_call_id": "c1", "content": "a sheep"}]
                """#))
        #expect(messages.map(\.role) == ["system", "user", "assistant", "tool"])
        #expect(messages[1].content.map(\.part) == [.text("what is it?"), .imageUrl("https://example.com/a.png")])
        #expect(messages[2].toolCalls == [ToolCall(id: "c1", name: "look", arguments: #"{"a":1}"#)])
        #expect(messages[3].toolCallId == "c1")
        for wrong in ["{}", "[1]", #"[{"role": 1}]"#, #"[{"role": "user", "text": "x"}]"#, #"[{"content": [{}]}]"#] {
            #expect(throws: CommandFailure.self) { try MessagesFile.messages(try Self.node(wrong)) }
        }
    }

    @Test func whatRepliesCarryBesidesIsLeftOut() throws {
        let messages = try MessagesFile.messages(
            try Self.node(
                #"""
                [{"role": "user", "content": "hi", "name": null},
                 {"role": "assistant", "content": "hello", "refusal": null, "annotations": [], "audio": null,
                  "function_call": null, "tool_calls": null},
                 {"role": "assistant", "content": null, "refusal": "no"}, {"role": "user", "content": "why?"}]
                """#))
        #expect(messages.map(\.role) == ["user", "assistant", "assistant", "user"])
        #expect(messages[1].content.map(\.part) == [.text("hello")] && messages[1].toolCalls.isEmpty)
        #expect(throws: CommandFailure.self) { try ToolFile.tools(try Self.node(#"{"name": "a", "strict": true}"#)) }
        #expect(try ToolFile.tools(try Self.node(#"{"name": "a", "strict": false}"#)) == [Tool(name: "a")])
    }

    @Test func toolsAreReadWithAndWithoutTheirWrapping() throws {
        let wrapped = try ToolFile.tools(
            try Self.node(#"[{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]"#))
        #expect(wrapped == [Tool(name: "add", parameters: #"{"type":"object"}"#)])
        #expect(try ToolFile.tools(try Self.node(#"{"name": "sort"}"#)) == [Tool(name: "sort")])
        #expect(throws: CommandFailure.self) { try ToolFile.tools(try Self.node("{}")) }
    }

    @Test func endpointsAreWrittenInOneOption() throws {
        let endpoint = try EndpointOption.parse(
            "http://127.0.0.1:8080/v1,model=qwen,concurrency=4,key-env=HERD_KEY_Q,first-token-timeout=2.5")
        #expect(
            endpoint
                == Endpoint(
                    baseUrl: "http://127.0.0.1:8080/v1", model: "qwen", maxConcurrency: 4, apiKeyEnv: "HERD_KEY_Q",
                    firstTokenTimeout: 2.5))
        for wrong in ["http://h,concurrency=x", "http://h,what=1", "http://h,model="] {
            #expect(throws: CommandFailure.self) { try EndpointOption.parse(wrong) }
        }
    }
}
