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
    /// Where those listen that were given out.
    private let taken = NIOLockedValueBox<[EndpointAddress]>([])

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
        let socket: ListeningSocket? = entries.withLockedValue { entries in
            guard let index = Self.index(of: address, for: service, in: entries) else { return nil }
            return entries.remove(at: index).socket
        }
        if let socket { taken.withLockedValue { $0.append(socket.bound) } }
        return socket
    }

    /// The address of a supervisor's socket that nobody would take who takes one for each of `addresses`, in that order; one
    /// that a process before this one has handed over too counts as taken with that.
    package func firstSupervised(namedByNone addresses: [(EndpointAddress, service: String)]) -> EndpointAddress? {
        var left = entries.withLockedValue { $0 }
        var taken: [EndpointAddress] = []
        for (address, service) in addresses {
            guard let index = Self.index(of: address, for: service, in: left) else { continue }
            taken.append(left.remove(at: index).socket.bound)
        }
        return left.map(\.socket).first { $0.isSupervised && !taken.contains($0.bound) }?.bound
    }

    private static func index(of address: EndpointAddress, for service: String, in entries: [Entry]) -> Int? {
        let usable = { (entry: Entry) in
            // Without its file nobody finds it any more.
            entry.file?.isInPlace ?? true
        }
        return entries.firstIndex { $0.service == service && $0.socket.configured == address && usable($0) }
            ?? entries.firstIndex { address.isServed(by: $0.socket.bound) && usable($0) }
    }

    /// Closes those that nobody took, with their files, and gives their addresses; a supervisor's first, without those where
    /// one that was taken listens too.
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
        let taken = taken.withLockedValue { $0 }
        return (
            rest.filter { $0.isSupervised && !taken.contains($0.bound) }.map(\.bound),
            rest.filter { !$0.isSupervised }.map(\.bound)
        )
    }
}
