/// The headers `traceparent` and `tracestate` of W3C Trace Context, <https://www.w3.org/TR/trace-context/>.
package struct ChatTrace: Sendable, Equatable {
    package var parent: String
    package var state: String?

    /// - Returns: nil for what could begin another line of a header.
    package init?(parent: String, state: String?) {
        guard Self.isLine(parent), state.map(Self.isLine) ?? true else { return nil }
        self.parent = parent
        self.state = state
    }

    private static func isLine(_ text: String) -> Bool { text.utf8.allSatisfy { (0x20...0x7E).contains($0) } }
}
