/// The files that a server needs for TLS, all of them PEM.
package struct ServerTLSFiles: Hashable, Sendable {
    /// Its certificate, then those that lead from it to an authority its clients trust.
    package var certificate: String
    /// The certificate's private key.
    package var key: String
    /// The authorities whose certificates clients may show; empty asks for none.
    package var clientAuthorities: String

    package init(certificate: String, key: String, clientAuthorities: String = "") {
        self.certificate = certificate
        self.key = key
        self.clientAuthorities = clientAuthorities
    }
}
