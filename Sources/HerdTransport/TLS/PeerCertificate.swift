/// What a verified certificate tells of the peer that proved to own it.
package struct PeerCertificate: Hashable, Sendable {
    /// Its subject alternative names: of DNS, URIs and e-mail addresses.
    package var names: [String]
    /// When it expires, in seconds since 1970.
    package var expiry: Int64

    package init(names: [String], expiry: Int64) {
        self.names = names
        self.expiry = expiry
    }
}
