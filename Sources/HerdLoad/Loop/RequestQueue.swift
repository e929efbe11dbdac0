/// Requests that wait, first come, first served.
struct RequestQueue {
    private var entries: [LoadRequest] = []
    private var head = 0

    var count: Int { entries.count - head }
    var isEmpty: Bool { head == entries.count }
    var first: LoadRequest? { isEmpty ? nil : entries[head] }

    mutating func append(_ request: LoadRequest) { entries.append(request) }

    mutating func popFirst() -> LoadRequest? {
        guard let first else { return nil }
        head += 1
        if head == entries.count || head >= 4_096 {
            entries.removeFirst(head)
            head = 0
        }
        return first
    }
}
