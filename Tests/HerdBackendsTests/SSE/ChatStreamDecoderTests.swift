import Foundation
import HerdBackends
import Testing

/// Whole bodies of answers, as servers send them, cut in every way.
@Suite("Streams of chat completions")
struct ChatStreamDecoderTests {
    /// What llama.cpp sent, shortened by what repeats.
    static let llama = """
        data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1795267172,\
        "id":"chatcmpl-fofZ","model":"tiny-copy","system_fingerprint":"b0-unknown","object":"chat.completion.chunk"}

        data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"e"}}],"id":"chatcmpl-fofZ"}

        data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"l\\u00e9"}}],"id":"chatcmpl-fofZ"}

        data: {"choices":[{"finish_reason":"stop","index":0,"delta":{}}],"id":"chatcmpl-fofZ"}

        data: {"choices":[],"created":1795267172,"id":"chatcmpl-fofZ","usage":{"completion_tokens":4,"prompt_tokens":22,\
        "total_tokens":26,"prompt_tokens_details":{"cached_tokens":5}},"timings":{"cache_n":0,"prompt_ms":1.311}}

        data: [DONE]


        """

    /// The second dialect: no [DONE], usage in the last chunk, finish_reason only there.
    static let second = """
        data:{"id":"r","object":"chat.completion.chunk","choices":[{"delta":{"content":"e","role":"assistant"},"index":0}]}\r
        \r
        data:{"id":"r","choices":[{"delta":{"content":"lé"},"index":0}],"usage":null}\r
        \r
        data:{"id":"r","choices":[{"delta":{},"finish_reason":"stop","index":0}],"usage":{"prompt_tokens":22,\
        "completion_tokens":4,"total_tokens":26}}\r
        \r

        """

    struct Decoded: Equatable {
        var events: [ChatEvent] = []
        var usage: TokenUsage
        var failure: ChatStreamDecoder.Failure?
    }

    static func decode(
        _ pieces: [[UInt8]], limits: BackendLimits = BackendLimits(), form: ChatStreamDecoder.Form = .events
    ) -> Decoded {
        var decoder = ChatStreamDecoder(limits: limits)
        decoder.expect(form)
        var decoded = Decoded(usage: TokenUsage(prompt: 0, completion: 0))
        do throws(ChatStreamDecoder.Failure) {
            for piece in pieces {
                // Closures of the standard library do not pass typed errors on.
                let failure = piece.withUnsafeBytes { bytes -> ChatStreamDecoder.Failure? in
                    do throws(ChatStreamDecoder.Failure) {
                        try decoder.feed(bytes, into: &decoded.events)
                        return nil
                    } catch {
                        return error
                    }
                }
                if let failure { throw failure }
            }
            try decoder.finish(into: &decoded.events)
        } catch {
            decoded.failure = error
        }
        decoded.usage = decoder.finalUsage(promptBytes: 40)
        return decoded
    }

    /// What comes of a text, which has to be the same however it is cut.
    static func decode(_ text: String, form: ChatStreamDecoder.Form = .events) -> Decoded {
        let bytes = Array(text.utf8)
        let whole = decode([bytes], form: form)
        for pieces in Cuts.all(of: bytes) {
            #expect(decode(pieces, form: form) == whole, "seed \(Cuts.seed), pieces of \(pieces.map(\.count))")
        }
        return whole
    }

    private static func chunk(_ delta: String, _ finish: String = "null") -> String {
        "data: {\"choices\":[{\"index\":0,\"delta\":\(delta),\"finish_reason\":\(finish)}]}\n\n"
    }

    @Test("Both dialects say the same")
    func dialects() {
        let events: [ChatEvent] = [.role("assistant"), .text("e"), .text("lé"), .finish(.stop)]
        #expect(
            Self.decode(Self.llama) == Decoded(events: events, usage: TokenUsage(prompt: 22, completion: 4, cached: 5)))
        #expect(Self.decode(Self.second) == Decoded(events: events, usage: TokenUsage(prompt: 22, completion: 4)))
    }

    @Test("A stream that is cut anywhere is cut off, or whole but for its usage")
    func cut() {
        let bytes = Array(Self.llama.utf8)
        let finish = Self.llama.range(of: "\"stop\"")!.upperBound
        // The event with finish_reason has to be there up to its last brace.
        let brace = Self.llama[finish...].firstIndex(of: "\n")!
        let whole = Self.llama.utf8.distance(from: Self.llama.startIndex, to: brace)
        // What is shorter than "data:" could be anything.
        let wrong = (5..<bytes.count).filter { end in
            Self.decode([Array(bytes[..<end])]).failure != (end < whole ? .cutOff : nil)
        }
        #expect(wrong == [], "cut there, it is taken for something else")
        #expect(Self.decode([[]]).failure == .cutOff)
        // Without finish_reason, [DONE] has to do.
        #expect(
            Self.decode(Self.chunk("{\"content\":\"a\"}") + "data: [DONE]").events == [.text("a"), .finish(.unstated)])
    }

    @Test("Thoughts, calls, and keys nobody knows")
    func deltas() {
        let call = """
            {"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"f","arguments":""}},\
            {"function":{"arguments":"{}"}}],"refusal":null,"x":[{}]}
            """
        let decoded = Self.decode(
            Self.chunk("{\"reasoning_content\":\"Hm\"}") + Self.chunk("{\"reasoning\":\"m\",\"content\":\"\"}")
                + Self.chunk(call) + Self.chunk("null") + Self.chunk("{}", "\"tool_calls\"") + "data: [DONE]\n\n")
        #expect(
            decoded.events == [
                .reasoning("Hm"), .reasoning("m"),
                .toolCall(.init(index: 1, id: "b", name: "f")), .toolCall(.init(index: 1, arguments: "{}")),
                .finish(.toolCalls),
            ])
        #expect(decoded.usage == TokenUsage(prompt: 10, completion: 2, isEstimated: true))
    }

    @Test("What tool_calls was called once")
    func functionCall() {
        let decoded = Self.decode(
            Self.chunk("{\"function_call\":{\"name\":\"f\",\"arguments\":\"{\"}}")
                + Self.chunk("{\"function_call\":{\"arguments\":\"}\"}}")
                + Self.chunk("{\"function_call\":null}", "\"function_call\"") + "data: [DONE]\n\n")
        #expect(
            decoded.events == [
                .toolCall(.init(index: 0, name: "f", arguments: "{")), .toolCall(.init(index: 0, arguments: "}")),
                .finish(.toolCalls),
            ])
    }

    @Test("Only the first choice is read")
    func choices() {
        let decoded = Self.decode(
            "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"no\"}},{\"index\":0,\"delta\":{\"content\":\"yes\"}}]}\n\n"
                + Self.chunk("{}", "\"stop\""))
        #expect(decoded.events == [.text("yes"), .finish(.stop)])
    }

    @Test("A reason that is empty, or that more text follows, is no end")
    func reasons() {
        let empty = Self.chunk("{\"content\":\"a\"}", "\"\"") + Self.chunk("{\"content\":\"b\"}", "\"null\"")
        #expect(
            Self.decode(empty)
                == Decoded(
                    events: [.text("a"), .text("b")], usage: .estimated(promptBytes: 40, completionBytes: 2),
                    failure: .cutOff))
        let early = Self.chunk("{\"content\":\"a\"}", "\"stop\"") + Self.chunk("{\"content\":\"b\"}")
        #expect(Self.decode(early).failure == .cutOff)
        #expect(Self.decode(early + Self.chunk("{}", "\"length\"")).failure == nil)
    }

    @Test("What nobody needs does no harm")
    func details() {
        let chunk = Self.chunk("{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image\",\"x\":{}}]}")
        let keepAlive = "data: {}\n\ndata: {\"type\":\"ping\"}\n\n"
        let end = Self.chunk("{\"refusal\":\"no\"}", "\"stop\"") + "data: [DONE] \n\n"
        for usage in ["-1", "\"7\"", "1e10", "[]", "null"] {
            let last = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":\(usage),\"completion_tokens\":3}}\n\n"
            let decoded = Self.decode(keepAlive + chunk + keepAlive + last + end)
            #expect(decoded.events == [.text("a"), .text("no"), .finish(.stop)])
            #expect(decoded.failure == nil && decoded.usage == TokenUsage(prompt: 10, completion: 3, isEstimated: true))
        }
        #expect(Self.decode(chunk + "data: {\"choices\":[],\"usage\":7}\n\n" + end).failure == nil)
    }

    @Test("Half a surrogate pair, and nests of unknown things, do no harm")
    func oddities() {
        let deep = String(repeating: "[{\"a\":", count: 5_000) + "1" + String(repeating: "}]", count: 5_000)
        let delta = "{\"content\":\"a\\ud800b\\udc00\",\"y\":\(deep)}"
        let chunk = "data: {\"x\":\(deep),\"choices\":[{\"delta\":\(delta)}]}\n\n"
        let decoded = Self.decode([Array((chunk + Self.chunk("{}", "\"stop\"")).utf8)])
        #expect(decoded.events == [.text("a\u{FFFD}b\u{FFFD}"), .finish(.stop)] && decoded.failure == nil)
    }

    @Test("Who speaks is told with the first token and not before")
    func role() {
        let decoded = Self.decode(Self.chunk("{\"role\":\"assistant\",\"content\":\"\"}"))
        #expect(decoded.events.isEmpty && decoded.failure == .cutOff)
    }

    @Test("What is wrong is named")
    func wrong() {
        func failure(_ text: String) -> ChatStreamDecoder.Failure? { Self.decode(text).failure }
        func reason(_ text: String) -> String {
            if case .badResponse(let reason) = failure(text) { reason } else { "" }
        }
        #expect(reason("data: {\"choices\":[}\n\n").contains("not valid JSON"))
        #expect(reason("data: {\"choices\":{}}\n\n").contains("choices must be an array, not an object"))
        #expect(reason(Self.chunk("{\"content\":7}")).contains("content must be a string, not a number"))
        #expect(reason("data: {\"a\":1}\n\n").contains("no chunk"))
        #expect(reason("data: 7\n\n").contains("must be an object"))
        #expect(reason("<html></html>").contains("no stream"))
        #expect(reason(Self.chunk("{\"tool_calls\":[{\"index\":-1}]}")).contains("out of range"))
        #expect(
            failure("data: {\"error\":{\"code\":503,\"message\":\"gone\"}}\n\n") == .server(code: 503, message: "gone"))
        #expect(failure("data: {\"error\":\"gone\"}\n\n") == .server(code: nil, message: "gone"))
        #expect(failure("event: error\ndata: gone\n\n") == .server(code: nil, message: "gone"))
        #expect(
            failure("error: {\"code\":500,\"message\":\"gone\"}\n\n")
                == .server(code: 500, message: "gone"))
        #expect(
            failure("data: {\"error\":{\"code\":\"429\",\"message\":\"slow\"}}\n\n")
                == .server(code: 429, message: "slow"))
        #expect(reason("data: [DONE]\n\n").contains("before it had begun"))
        let bytes = Array("data: {\"choices\":[{\"delta\":{\"content\":\"".utf8) + [0xFF] + Array("\"}}]}\n\n".utf8)
        #expect(
            Self.decode([bytes]).failure == .badResponse("an event of its stream is wrong: content is not valid UTF-8"))
    }

    @Test("Answers and lines that are too long")
    func tooLong() {
        var limits = BackendLimits()
        limits.maximumLineBytes = 100
        limits.maximumAnswerBytes = 300
        func failure(_ text: String, _ form: ChatStreamDecoder.Form = .events) -> Bool {
            switch Self.decode([Array(text.utf8)], limits: limits, form: form).failure {
            case .tooLarge, .answerTooLong(300): true
            default: false
            }
        }
        #expect(failure("data: " + String(repeating: "x", count: 95)))
        #expect(!failure(String(repeating: ": x\n", count: 75)))
        #expect(failure(String(repeating: ": x\n", count: 76)))
        #expect(failure("{" + String(repeating: " ", count: 100), .wholeAnswer))
    }

    @Test("An answer in one piece")
    func whole() {
        let decoded = Self.decode(
            """
            {"id":"x","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},
            "finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}
            """, form: .wholeAnswer)
        #expect(decoded.events == [.role("assistant"), .text("hello"), .finish(.length)])
        #expect(decoded.usage == TokenUsage(prompt: 1, completion: 2))
        let text = "{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}"
        let marked = Self.decode([[0xEF, 0xBB, 0xBF] + Array(text.utf8)], form: .wholeAnswer)
        #expect(marked.events == [.text("a"), .finish(.stop)])
    }
}
