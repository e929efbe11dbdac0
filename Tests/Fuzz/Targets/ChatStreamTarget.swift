import HerdBackends

extension FuzzTarget {
    /// The body of a model's answer, decoded at once, byte by byte and in batches: the same events and the same end each
    /// time, and no more bytes in the events than came in.
    static let chatStream = FuzzTarget(name: "chat-stream") { bytes in
        for form in [ChatStreamDecoder.Form.events, .wholeAnswer] {
            let atOnce = AnswerResult(bytes, form, sizes: [max(1, bytes.count)])
            for sizes in [[1], [3, 1, 7], [64, 5]] where AnswerResult(bytes, form, sizes: sizes) != atOnce {
                return Violation("cut into \(sizes) the answer gives other events than at once")
            }
            guard atOnce.textBytes <= bytes.count else { return Violation("the events are longer than the answer") }
            let isOver = atOnce.events.contains { if case .finish = $0 { true } else { false } }
            guard atOnce.failure != nil || isOver else { return Violation("an answer is whole and has no end") }
        }
        return nil
    } seeds: {
        ChatStreamSeeds.all.map { Array($0.utf8) }
    }
}

private enum ChatStreamSeeds {
    static let all = [
        """
        data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"id":"c"}

        data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"l\\u00e9"}}],"id":"c"}

        data: {"choices":[{"finish_reason":"stop","index":0,"delta":{}}],"id":"c"}

        data: {"choices":[],"usage":{"completion_tokens":4,"prompt_tokens":22,"prompt_tokens_details":{"cached_tokens":5}}}

        data: [DONE]


        """,
        """
        : hello\r
        data:{"choices":[{"delta":{"reasoning_content":"Hm","role":"assistant"},"index":0}]}\r
        \r
        data:{"choices":[{"delta":{},\r
        data: "finish_reason":"stop","index":0}],"usage":{"prompt_tokens":22,"completion_tokens":4}}\r
        \r

        """,
        """
        data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}]}}]}

        event: error
        data: {"error":{"code":500,"message":"gone"}}


        """,
        """
        {"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"length"}],
        "usage":{"prompt_tokens":1,"completion_tokens":2}}
        """,
    ]
}

/// What decoding an answer that arrives in pieces gives.
private struct AnswerResult: Equatable {
    var events: [ChatEvent] = []
    var failure: ChatStreamDecoder.Failure?
    var usage = TokenUsage(prompt: 0, completion: 0)

    init(_ bytes: UnsafeRawBufferPointer, _ form: ChatStreamDecoder.Form, sizes: [Int]) {
        var limits = BackendLimits()
        // Small enough that a fuzzer finds it.
        limits.maximumLineBytes = 512
        var decoder = ChatStreamDecoder(limits: limits)
        decoder.expect(form)
        do throws(ChatStreamDecoder.Failure) {
            var position = 0
            var piece = 0
            while position < bytes.count {
                let end = min(bytes.count, position + sizes[piece % sizes.count])
                try decoder.feed(UnsafeRawBufferPointer(rebasing: bytes[position..<end]), into: &events)
                position = end
                piece += 1
            }
            try decoder.finish(into: &events)
        } catch {
            failure = error
        }
        usage = decoder.finalUsage(promptBytes: 0)
    }

    var textBytes: Int {
        events.reduce(0) { sum, event in
            switch event {
            case .text(let text), .reasoning(let text), .role(let text): sum + text.utf8.count
            case .toolCall(let delta): sum + delta.arguments.utf8.count
            case .finish, .usage: sum
            }
        }
    }
}
