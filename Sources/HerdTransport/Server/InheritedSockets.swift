import Glibc
import NIOConcurrencyHelpers

/// The listening sockets a process begins with, until its services take them.
package final class InheritedSockets: Sendable {
    private struct Entry {
        /// Whose it was: `router`, `router-http`; nil where nobody said.
        let service: String?
        let socket: ListeningSocket
        /// Its file as it was when the socket came: another process may put one of its own there. Nil without.
        let file: UnixListener?
    }

    private let entries = NIOLockedValueBox<[Entry]>([])

    package init() {}

    package func add(_ socket: ListeningSocket, of service: String?) {
        var file: UnixListener?
        if case .unix(let path) = socket.bound {
            file = UnixListener(adopting: socket.descriptor, path: path)
        }
        let entry = Entry(service: service, socket: socket, file: file)
        entries.withLockedValue { $0.append(entry) }
    }

    package var isEmpty: Bool { entries.withLockedValue(\.isEmpty) }

    /// Whether `take` would find one.
    package func has(_ address: EndpointAddress, for service: String) -> Bool {
        entries.withLockedValue { Self.index(of: address, for: service, in: $0) != nil }
    }

    /// Gives out the socket for an address, once: the one that the same service had configured so, or else one that listens
    /// there.
    package func take(_ address: EndpointAddress, for service: String) -> ListeningSocket? {
        entries.withLockedValue { entries in
            guard let index = Self.index(of: address, for: service, in: entries) else { return nil }
            return entries.remove(at: index).socket
        }
    }

    private static func index(of address: EndpointAddress, for service: String, in entries: [Entry]) -> Int? {
        let usable = { (entry: Entry) in
            // Without its file nobody finds it any more.
            entry.file?.isInPlace ?? true
        }
        return entries.firstIndex { $0.service == service && $0.socket.configured == address && usable($0) }
            ?? entries.firstIndex { address.isServed(by: $0.socket.bound) && usable($0) }
    }

    /// Closes those that nobody took, with their files, and gives their addresses; a supervisor's first.
    package func closeRest() -> (supervised: [EndpointAddress], others: [EndpointAddress]) {
        let left = entries.withLockedValue { entries in
            defer { entries = [] }
            return entries
        }
        for entry in left {
            if !entry.socket.isSupervised { entry.file?.remove() }
            Glibc.close(entry.socket.descriptor)
        }
        let rest = left.map(\.socket)
        return (rest.filter(\.isSupervised).map(\.bound), rest.filter { !$0.isSupervised }.map(\.bound))
    }
}
