package import HerdFrames

/// The trace that a call belongs to, and its own span in it.
///
/// Two numbers until somebody wants to know: most calls are answered without a word about it.
package struct CallTrace: Sendable {
    /// As the caller says it; nil where it says none, or none that is one, and the call begins a trace.
    private let parent: TraceContext?
    private let numbers: (high: UInt64, low: UInt64)
    private let span: UInt64
    /// What vendors add, as far as it may be passed on.
    package let state: String?

    /// - Parameters:
    ///   - metadata: of the request.
    ///   - numbers: where new ids come from.
    init(_ metadata: [String: String], _ numbers: inout TraceNumbers) {
        var parent: TraceContext?
        var state: String?
        if !metadata.isEmpty, let text = metadata[TraceContext.traceparentKey] {
            parent = TraceContext(traceparent: text)
            // It belongs to the trace it came with.
            if parent != nil { state = metadata[TraceContext.tracestateKey].flatMap { TraceContext.validState($0) } }
        }
        self.parent = parent
        self.state = state
        self.numbers = parent == nil ? (numbers.next(), numbers.next()) : (0, 0)
        span = numbers.next()
    }

    /// Whether the caller has named it.
    package var isInherited: Bool { parent != nil }

    /// For the calls made for this one.
    package var context: TraceContext { parent?.child(span: span) ?? TraceContext(numbers: numbers, span: span) }

    /// What goes along with the calls made for this one.
    package var metadata: [String: String] {
        var metadata = [TraceContext.traceparentKey: context.traceparent]
        if let state { metadata[TraceContext.tracestateKey] = state }
        return metadata
    }
}

/// Makes ids of traces and spans: SplitMix64, begun at random for each connection. They have to differ, and need not be hard
/// to guess.
struct TraceNumbers {
    private var state = UInt64.random(in: 0 ... .max)

    /// Never 0, which is no id.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed &>> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed &>> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed &>> 31
        return mixed == 0 ? 1 : mixed
    }
}
