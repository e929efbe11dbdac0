/// A request that was to begin.
struct LoadRequest {
    /// When it was to begin.
    var begin: Int64
    /// Whether it is of those that count.
    var counts: Bool
}

/// A request that a server has got.
struct OpenCall {
    var id: UInt64
    var isOpen = false
    var request = LoadRequest(begin: 0, counts: false)
    /// When the answer proper began; 0 before.
    var firstToken: Int64 = 0
    var messages: UInt64 = 0
    var messageBytes: UInt64 = 0
    /// Messages since credit was last given.
    var taken: UInt32 = 0
}

/// The open calls of one connection. A call's number is made of the place of its entry and of how often that was used,
/// so that finding it takes no search, and an answer that comes too late is not taken for another's.
struct OpenCalls {
    private static let placeBits: UInt64 = 14
    private static let places = 1 << 14

    private var entries: [OpenCall] = []
    private var free: [Int] = []

    var count: Int { entries.count - free.count }

    /// - Returns: the number of the new call; nil where 16,384 are open.
    mutating func open(_ request: LoadRequest) -> UInt64? {
        let place: Int
        if let last = free.popLast() {
            place = last
        } else {
            guard entries.count < Self.places else { return nil }
            place = entries.count
            entries.append(OpenCall(id: UInt64(place)))
        }
        let id = entries[place].id &+ 1 << Self.placeBits
        entries[place] = OpenCall(id: id, isOpen: true, request: request)
        return id
    }

    /// Changes the open call of that number; nil where there is none.
    mutating func update<Result>(_ id: UInt64, _ change: (inout OpenCall) -> Result) -> Result? {
        place(of: id).map { change(&entries[$0]) }
    }

    /// Takes out the open call of that number.
    mutating func close(_ id: UInt64) -> OpenCall? {
        guard let place = place(of: id) else { return nil }
        entries[place].isOpen = false
        free.append(place)
        return entries[place]
    }

    /// Takes out those for which it holds.
    mutating func close(where condition: (OpenCall) -> Bool) -> [OpenCall] {
        guard count > 0 else { return [] }
        return entries.filter { $0.isOpen && condition($0) }.compactMap { close($0.id) }
    }

    private func place(of id: UInt64) -> Int? {
        let place = Int(id & UInt64(Self.places - 1))
        guard place < entries.count, entries[place].id == id, entries[place].isOpen else { return nil }
        return place
    }
}
