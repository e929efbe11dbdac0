package import HerdFrames

/// Who is calling, as the check of a connection's HELLO found out.
package struct Principal: Sendable, Hashable {
    /// Empty for somebody nobody knows.
    package var name: String
    /// What it may do beyond what everybody may, for example `service`.
    package var roles: Set<String>

    package init(name: String = "", roles: Set<String> = []) {
        self.name = name
        self.roles = roles
    }
}

/// What a client says of itself when it connects.
package struct Hello: Sendable {
    /// The metadata `authorization`, for example `Bearer TOKEN`; empty if there is none.
    package var authorization: String
    /// The metadata `client`: its name for the log; empty if there is none.
    package var client: String
    package var metadata: [String: String]
    /// The address it calls from.
    package var peer: String
}

/// Finds out who a client is; the error tells it why it is not let in.
package typealias HelloCheck = @Sendable (Hello) throws(CallError) -> Principal

extension CallError {
    /// What a `HelloCheck` throws for credentials that are missing or wrong.
    package static func unauthenticated(_ why: String) -> CallError {
        CallError(.unauthenticated, why)
    }
}
