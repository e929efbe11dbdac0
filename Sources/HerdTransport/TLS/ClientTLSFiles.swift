/// The files that a client needs for TLS, all of them PEM.
package struct ClientTLSFiles: Hashable, Sendable {
    /// The authorities of which one has to have signed the server's certificate; empty = those of the system.
    package var authorities: String
    /// The client's own certificate, then those that lead from it to an authority the server trusts; empty = none.
    package var certificate: String
    /// That certificate's private key.
    package var key: String
    /// The name that the server's certificate has to be for; empty = the name or address that is connected to.
    package var serverName: String

    package init(authorities: String = "", certificate: String = "", key: String = "", serverName: String = "") {
        self.authorities = authorities
        self.certificate = certificate
        self.key = key
        self.serverName = serverName
    }
}
