/// The connections of a server: those it serves, and those that end because there are too many.
///
/// Where there is no more room, the oldest one that has not said HELLO gives way to a new one: whoever connects and
/// says nothing locks nobody out. Nothing here takes longer the more connections there are.
package struct ConnectionTable<Connection: AnyObject> {
    /// What becomes of a new connection.
    package enum Admission {
        case served
        /// Served, and the other one is to be ended; without a word where too many are being told already.
        case servedInsteadOf(Connection, isTold: Bool)
        /// To be told that there are too many.
        case refused
        /// To be closed without a word, and not in the table.
        case dropped
    }

    /// How many may be served.
    package var maximum = Int.max
    private var connections: [ObjectIdentifier: Connection] = [:]
    /// Those that are told that there are too many, and are gone a second later.
    private var ending: Set<ObjectIdentifier> = []
    private var newcomers = Newcomers()

    /// How many connections over the limit are told so at a time; more are closed without a word.
    package static var maximumEnding: Int { 256 }
    /// How many end at a time, told or not: each still has a file open.
    package static var mostEnding: Int { 1_024 }

    package init() {}

    /// Served ones and those that end.
    package var all: [Connection] { Array(connections.values) }

    package var isEmpty: Bool { connections.isEmpty }

    package var servedCount: Int { connections.count - ending.count }

    package mutating func add(_ connection: Connection) -> Admission {
        let id = ObjectIdentifier(connection)
        let isTold = ending.count < Self.maximumEnding
        var admission = Admission.served
        if servedCount >= maximum {
            guard ending.count < Self.mostEnding else { return .dropped }
            if let oldest = newcomers.oldest, let other = connections[oldest] {
                _ = newcomers.remove(oldest)
                ending.insert(oldest)
                admission = .servedInsteadOf(other, isTold: isTold)
            } else if isTold {
                connections[id] = connection
                ending.insert(id)
                return .refused
            } else {
                return .dropped
            }
        }
        connections[id] = connection
        newcomers.append(id)
        return admission
    }

    /// A connection has said HELLO, and stays; false where another one has taken its place already.
    package mutating func greeted(_ connection: Connection) -> Bool {
        newcomers.remove(ObjectIdentifier(connection))
    }

    /// A connection is gone.
    package mutating func remove(_ connection: Connection) {
        let id = ObjectIdentifier(connection)
        connections.removeValue(forKey: id)
        ending.remove(id)
        _ = newcomers.remove(id)
    }
}

extension ConnectionTable: Sendable where Connection: Sendable {}

/// The connections that have not said HELLO, in the order in which they came: a linked list, as most leave from its
/// middle.
private struct Newcomers {
    private struct Place {
        var older: ObjectIdentifier?
        var newer: ObjectIdentifier?
    }

    private var places: [ObjectIdentifier: Place] = [:]
    private(set) var oldest: ObjectIdentifier?
    private var newest: ObjectIdentifier?

    mutating func append(_ id: ObjectIdentifier) {
        places[id] = Place(older: newest, newer: nil)
        if let last = newest { places[last]?.newer = id } else { oldest = id }
        newest = id
    }

    /// Whether it was there.
    mutating func remove(_ id: ObjectIdentifier) -> Bool {
        guard let place = places.removeValue(forKey: id) else { return false }
        if let older = place.older { places[older]?.newer = place.newer } else { oldest = place.newer }
        if let newer = place.newer { places[newer]?.older = place.older } else { newest = place.older }
        return true
    }
}
