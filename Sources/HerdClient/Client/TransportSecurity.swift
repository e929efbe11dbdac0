import HerdTransport

/// TLS 1.2 or 1.3 for a client's connections. Files are PEM, and read again for new connections where they changed.
///
/// It needs the package trait `TLS`, which is on by default; calls fail with FAILED_PRECONDITION without it.
public struct TransportSecurity: Hashable, Sendable {
    /// The authorities of which one has to have signed the server's certificate. Default empty: those of the system.
    public var authorityFile = ""
    /// The client's certificate, and those that lead from it to an authority the server trusts. Default empty: none.
    public var certificateFile = ""
    /// The certificate's private key, without a passphrase. Default empty: none.
    public var keyFile = ""
    /// The name that the server's certificate has to be for. Default empty: the name or address that is connected to.
    public var serverName = ""

    public init() {}
}

extension ClientTLSFiles {
    init(_ security: TransportSecurity) {
        self.init(
            authorities: security.authorityFile, certificate: security.certificateFile, key: security.keyFile,
            serverName: security.serverName)
    }
}
