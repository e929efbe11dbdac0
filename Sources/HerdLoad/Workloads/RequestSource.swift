import HerdFrames

/// A workload's requests that are made as they are, packed once for all threads.
struct PreparedRequests: Sendable {
    let workload: Workload
    let timeout: Duration
    /// The metadata of HELLO.
    let greeting: [String: String]
    fileprivate let bodies: [RequestBody]

    init(_ workload: Workload, timeout: Duration, token: String) {
        (self.workload, self.timeout) = (workload, timeout)
        var greeting = ["client": "herd-load"]
        if !token.isEmpty { greeting["authorization"] = "Bearer \(token)" }
        self.greeting = greeting
        switch workload.content {
        case .same(let payload): bodies = [Self.body(workload, payload, timeout)]
        case .prompts(let set, let pack): bodies = set.prompts.map { Self.body(workload, pack($0), timeout) }
        }
    }

    fileprivate static func body(_ workload: Workload, _ payload: [UInt8], _ timeout: Duration) -> RequestBody {
        RequestBody(
            method: workload.method, payload: payload, timeout: timeout,
            credit: workload.isStreaming ? Frame.defaultCredit : 0, metadata: workload.metadata)
    }
}

/// Draws the next request of one thread.
struct RequestSource {
    private let prepared: PreparedRequests
    private var random: SeededRandom
    private var count: UInt64 = 0
    /// In new prompts: another run, or another thread, asks others.
    private let nonce = String(UInt64.random(in: 0...UInt64.max), radix: 36)

    init(_ prepared: PreparedRequests, seed: UInt64) {
        self.prepared = prepared
        random = SeededRandom(seed: seed)
    }

    mutating func next() -> RequestBody {
        guard case .prompts(let set, let pack) = prepared.workload.content else { return prepared.bodies[0] }
        let index = Int.random(in: 0..<set.prompts.count, using: &random)
        if random.unit() <= set.repeats { return prepared.bodies[index] }
        count += 1
        let prompt = "\(set.prompts[index]) [\(nonce) \(count)]"
        return PreparedRequests.body(prepared.workload, pack(prompt), prepared.timeout)
    }
}
