import HerdFrames

extension ClientConfiguration {
    /// The metadata a call is sent with: the caller's, with the trace that the call belongs to.
    ///
    /// The caller's `traceparent` goes before the task's; one that is malformed is left out, as the standard has it.
    func metadata(_ given: [String: String]) -> [String: String] {
        let current = TraceContext.current
        if given.isEmpty, current == nil, !startsTraces { return given }
        var metadata = given
        let stated = metadata[TraceContext.traceparentKey].flatMap { TraceContext(traceparent: $0) }
        if let trace = stated ?? current ?? (startsTraces ? TraceContext() : nil) {
            metadata[TraceContext.traceparentKey] = trace.traceparent
        } else {
            metadata[TraceContext.traceparentKey] = nil
        }
        // What vendors added belongs to the trace it came with.
        if stated == nil { metadata[TraceContext.tracestateKey] = nil }
        return metadata
    }
}
