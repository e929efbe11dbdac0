/// What callers may do, as a set of roles.
package struct Roles: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Has prompts routed, answered and refined, and says how good answers were.
    package static let client = Roles(rawValue: 1)
    /// Operates the herd.
    package static let admin = Roles(rawValue: 2)
    /// Is one of the herd's own processes.
    package static let service = Roles(rawValue: 4)
    package static let all: Roles = [.client, .admin, .service]

    /// The names of all roles, in the order of their numbers.
    package static let names = ["client", "admin", "service"]

    /// Nil for a name that is none.
    package init?(name: String) {
        guard let index = Self.names.firstIndex(of: name) else { return nil }
        self.init(rawValue: 1 << UInt8(index))
    }

    /// The names of those in the set.
    package var names: [String] {
        Self.names.indices.filter { rawValue & 1 << UInt8($0) != 0 }.map { Self.names[$0] }
    }
}
