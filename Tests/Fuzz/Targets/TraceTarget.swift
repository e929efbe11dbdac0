import HerdFrames

extension FuzzTarget {
    /// The first line is a `traceparent`, the rest a `tracestate`: what is taken belongs to the same trace when it is passed
    /// on, and is taken again.
    static let trace = FuzzTarget(name: "trace") { bytes in
        let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        if let state = TraceContext.validState(lines.count > 1 ? lines[1] : "") {
            guard state.utf8.count <= 512, state.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
                return Violation("a tracestate is passed on that breaks lines")
            }
        }
        guard let context = TraceContext(traceparent: lines[0]) else { return nil }
        let child = context.child(span: 0xABCD)
        guard child.traceID == context.traceID, child.traceID.utf8.count == 32, child.spanID == "000000000000abcd",
            child.traceparent.utf8.count == 55, TraceContext(traceparent: child.traceparent) == child
        else { return Violation("\(context) is passed on as \(child)") }
        return nil
    } seeds: {
        [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\nherd=1,vendor=t61rcWkgMzE",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-will-be-like",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-00\n",
        ].map { Array($0.utf8) }
    }
}
