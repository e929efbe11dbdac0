import HerdTransport

/// What a pool knows, behind its lock.
struct PoolState {
    var endpoints: [EndpointState]
    /// Which of the endpoints calls go to: greeted and without trouble.
    private(set) var ready: [Int] = []
    /// Connections that take no more calls, until their last one has ended.
    var leaving: [ClientConnection] = []
    var isClosed = false
    private var random = PoolRandom()

    init(endpoints: [EndpointState]) {
        self.endpoints = endpoints
    }

    /// Has to follow every change of an endpoint's connections or trouble.
    mutating func update() {
        ready = endpoints.indices.filter { endpoints[$0].isGreeted && endpoints[$0].trouble == .none }
    }

    var connections: [ClientConnection] {
        endpoints.flatMap { $0.slots.compactMap(\.connection) } + leaving
    }

    /// Nil if nobody is connected, nor about to be.
    mutating func choose(avoiding tried: EndpointSet) -> Int? {
        if !ready.isEmpty {
            if tried.isEmpty { return better(of: ready) }
            let others = ready.filter { !tried.contains($0) }
            return better(of: others.isEmpty ? ready : others)
        }
        let connecting = endpoints.indices.filter { endpoints[$0].isConnecting && endpoints[$0].trouble == .none }
        if !connecting.isEmpty { return better(of: connecting) }
        let greeted = endpoints.indices.filter { endpoints[$0].isGreeted }
        return greeted.isEmpty ? nil : better(of: greeted)
    }

    /// Mitzenmacher, "The power of two choices in randomized load balancing", 2001: nearly as even as the least loaded
    /// of all, without everybody rushing to the same one.
    private mutating func better(of candidates: [Int]) -> Int {
        guard candidates.count > 1 else { return candidates[0] }
        let first = random.index(below: candidates.count)
        var second = random.index(below: candidates.count - 1)
        if second >= first { second += 1 }
        let (one, other) = (candidates[first], candidates[second])
        return endpoints[other].callCount < endpoints[one].callCount ? other : one
    }
}

/// Some of a pool's endpoints, by their indices; those from 64 on are never in it.
struct EndpointSet {
    private var bits: UInt64 = 0

    var isEmpty: Bool { bits == 0 }

    func contains(_ index: Int) -> Bool {
        index < 64 && bits & (1 << UInt64(index)) != 0
    }

    mutating func insert(_ index: Int) {
        if index < 64 { bits |= 1 << UInt64(index) }
    }
}
