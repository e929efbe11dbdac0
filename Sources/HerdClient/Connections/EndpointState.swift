import HerdFrames
import HerdTransport
import NIOCore

/// What the pool knows of one server, and its connections to it.
struct EndpointState {
    enum Slot {
        case vacant
        /// On the way to HELLO; calls may wait on it.
        case connecting(ClientConnection)
        case ready(ClientConnection)

        var connection: ClientConnection? {
            switch self {
            case .vacant: nil
            case .connecting(let connection), .ready(let connection): connection
            }
        }
    }

    /// Why a server that is connected gets no calls while others are there.
    enum Trouble: Hashable {
        case none
        /// Its Health says DRAINING.
        case draining
        /// Its Health does not answer in time.
        case unresponsive
    }

    let address: EndpointAddress
    var slots: [Slot]
    var backoff = Backoff()
    var trouble = Trouble.none
    /// Until when it is expected back, where it said that it stops.
    var expectedUntil = NIODeadline.uptimeNanoseconds(0)
    /// Why the last connection could not be made or ended.
    var lastError: CallError?

    init(_ address: EndpointAddress, connections: Int) {
        self.address = address
        slots = Array(repeating: .vacant, count: max(1, connections))
    }

    var isGreeted: Bool {
        slots.contains { if case .ready = $0 { true } else { false } }
    }

    var isConnecting: Bool {
        slots.contains { if case .connecting = $0 { true } else { false } }
    }

    /// Open and waiting calls of all its connections.
    var callCount: Int {
        slots.reduce(0) { $0 + ($1.connection?.callCount ?? 0) }
    }

    /// Where among its connections that are ready, or else on the way, the fewest calls are.
    var leastBusySlot: Int? {
        let onlyReady = isGreeted
        var best: (slot: Int, calls: Int)?
        for (index, slot) in slots.enumerated() {
            switch slot {
            case .vacant: continue
            case .connecting where onlyReady: continue
            case .connecting(let connection), .ready(let connection):
                let calls = connection.callCount
                if calls < best?.calls ?? .max { best = (index, calls) }
            }
        }
        return best?.slot
    }

    func slot(of connection: ClientConnection) -> Int? {
        slots.firstIndex { $0.connection === connection }
    }

    /// The connection takes no more calls.
    mutating func lost(_ slot: Int, _ error: CallError, _ configuration: ClientConfiguration) {
        slots[slot] = .vacant
        lastError = error
        backoff.ended(configuration)
        if !isGreeted { trouble = .none }
    }
}
