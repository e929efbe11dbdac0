/// One decoder under attack: what it is fed, and what must hold whatever that is.
///
/// `make fuzz` drives it with libFuzzer, `make test` replays the corpus of `Tests/Fuzz/Corpora/NAME`.
package struct FuzzTarget: Sendable {
    /// What is attacked, such as `frames`; `message.` and the full name of a message type for the decoder of one.
    package let name: String
    /// Feeds the decoder; what was violated, nil where all is well. It must not trap, hang or touch foreign memory.
    package let run: @Sendable (UnsafeRawBufferPointer) -> Violation?
    /// Inputs to begin with, of which the fuzzer makes others.
    package let seeds: @Sendable () -> [[UInt8]]

    /// All targets, the general ones first.
    package static let all: [FuzzTarget] = general + messages

    private static let general: [FuzzTarget] = [
        .frames, .scan, .connection, .hello, .authorization, .trace, .anyMessage, .jsonMessage, .routeOutline,
        .chatStream, .serverSentEvents, .tokenizer, .predictorFile, .promptTemplate, .promptFlags, .evaluationLine,
        .evaluationFile, .suiteLine, .graders, .herdFile, .configuration, .http,
    ]

    package static func named(_ name: String) -> FuzzTarget? {
        all.first { $0.name == name }
    }
}

/// What an input showed that must never happen.
package struct Violation: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}
