import HerdMessages
import HerdServices

extension FuzzTarget {
    /// A `RouteRequest` that is answered without being unpacked: what the outline says of it is what unpacking says, and
    /// the rest around the prompt stands for every request that has the same.
    static let routeOutline = FuzzTarget(name: "route-outline") { bytes in
        guard let outline = RequestOutline(bytes), outline.isPromptText else { return nil }
        // As the next request with the same rest, whose prompt is another, would be taken.
        let other = Array(outline.head) + [0x0A, 1, UInt8(ascii: "x")] + Array(outline.tail)
        let whole = try? RouteRequest(packed: bytes)
        guard let whole, var twin = try? RouteRequest(packed: other) else {
            return whole == nil && (try? RouteRequest(packed: other)) == nil
                ? nil : Violation("one request is taken and one with another prompt is not")
        }
        guard Array(whole.prompt.utf8) == Array(outline.prompt) else {
            return Violation("the outline has the prompt '\(String(decoding: outline.prompt, as: UTF8.self))'")
        }
        guard whole.messages.isEmpty, !whole.explain, whole.session.isEmpty else {
            return Violation("the outline lets a request through that is not of its kind: \(whole)")
        }
        twin.prompt = whole.prompt
        return twin.pack() == whole.pack() ? nil : Violation("the rest means something else with another prompt")
    } seeds: {
        var request = RouteRequest()
        request.prompt = "What is 2 + 2? [Flag: cheapest]"
        var plain = request
        request.policy = "default"
        request.goals = Goals(goals: [Goal(name: "cost", lambda: 3)])
        request.constraints = Constraints()
        request.expectedOutputTokens = 40
        plain.explain = true
        return [request.pack(), plain.pack(), [0x0A, 1, 0x61, 0x3A, 0, 0x30, 0, 0x40, 0x80, 1]]
    }
}
