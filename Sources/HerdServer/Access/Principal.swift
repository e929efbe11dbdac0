package import HerdFrames
package import HerdTransport

/// Who is calling, as the check of a connection's HELLO found out.
package struct Principal: Sendable, Hashable {
    /// What it is known by: a token's id, or the name in a certificate; empty for somebody nobody knows.
    package var id: String
    /// What people call it.
    package var name: String
    package var roles: Roles
    /// On whose behalf all its calls are made; nil where each may name a tenant itself.
    package var tenant: String?
    /// When its certificate expires, in seconds since 1970; 0 for somebody who showed none.
    package var expiry: Int64
    /// Which of the server's authorities have vouched for its certificate; 0 for somebody who showed none.
    package var authorityVersion: UInt64

    /// Somebody nobody knows, who may do everything unless told otherwise.
    package init(
        id: String = "", name: String = "", roles: Roles = .all, tenant: String? = nil, expiry: Int64 = 0,
        authorityVersion: UInt64 = 0
    ) {
        self.id = id
        self.name = name
        self.roles = roles
        self.tenant = tenant
        self.expiry = expiry
        self.authorityVersion = authorityVersion
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
    /// The certificate it has proved to own, which an authority that the server trusts has signed; nil without one.
    package var certificate: PeerCertificate?

    package init(
        authorization: String = "", client: String = "", metadata: [String: String] = [:], peer: String = "",
        certificate: PeerCertificate? = nil
    ) {
        self.authorization = authorization
        self.client = client
        self.metadata = metadata
        self.peer = peer
        self.certificate = certificate
    }
}

/// Finds out who a client is; a `CallError` tells it why it is not let in, any other error only that it is not.
package typealias HelloCheck = @Sendable (Hello) throws -> Principal

extension CallError {
    /// What a check throws for credentials that are missing or wrong.
    package static func unauthenticated(_ why: String) -> CallError {
        CallError(.unauthenticated, why)
    }
}
