package import NIOCore
import NIOConcurrencyHelpers

#if TLS
import NIOSSL
#endif

/// TLS of a server's connections, from files that may be replaced while it runs.
package final class ServerTLS: Sendable {
    #if TLS
    private struct State {
        var files: ServerTLSFiles
        var context: NIOSSLContext
        /// Those that clients' certificates are trusted by.
        var authorities: Set<NIOSSLCertificate>
        var authorityVersion: UInt64 = 0
        /// When the certificate expires, in seconds since 1970.
        var expiry: Int64
        var signatures: [FileSignature?]
        /// Whether the files could not be used the last time, which was told then.
        var hasFailed = false

        /// Takes what was read later.
        mutating func replace(with fresh: State) {
            // What one more vouches for changes nothing for those who are connected.
            let version = authorities.isSubset(of: fresh.authorities) ? authorityVersion : authorityVersion + 1
            self = fresh
            authorityVersion = version
        }
    }

    private let state: NIOLockedValueBox<State>

    /// Reads the files.
    package init(_ files: ServerTLSFiles) throws(TLSFileError) {
        state = NIOLockedValueBox(try Self.read(files))
    }

    package var files: ServerTLSFiles { state.withLockedValue { $0.files } }

    /// Takes what another one has read, and its files, from the next connection on.
    package func use(_ other: ServerTLS) {
        let fresh = other.state.withLockedValue { $0 }
        state.withLockedValue { $0.replace(with: fresh) }
    }

    /// Reads the files again where one has changed; true where new connections have what is new from now on. Those that
    /// are open keep what they began with.
    ///
    /// - Throws: what is wrong with the new files, once; the old ones stay in force, and it is tried again.
    package func reload() throws(TLSFileError) -> Bool {
        let files = files
        let signatures = Self.signatures(files)
        let (isChanged, hadFailed) = state.withLockedValue { state in
            defer { state.signatures = signatures }
            return (state.signatures != signatures, state.hasFailed)
        }
        guard isChanged || hadFailed else { return false }
        let fresh: State
        do throws(TLSFileError) {
            fresh = try Self.read(files)
        } catch {
            state.withLockedValue { $0.hasFailed = true }
            guard isChanged else { return false }
            throw error
        }
        return state.withLockedValue { state in
            // Other files were named meanwhile.
            guard state.files == files else { return false }
            state.replace(with: fresh)
            return true
        }
    }

    /// When the certificate in force expires, in seconds since 1970.
    package var expiry: Int64 { state.withLockedValue { $0.expiry } }

    /// Moves on whenever an authority that clients' certificates were trusted by is one no more.
    package var authorityVersion: UInt64 { state.withLockedValue { $0.authorityVersion } }

    /// Has a new connection speak TLS; before any other handler is added.
    package func secure(_ channel: any Channel) throws {
        let context = state.withLockedValue { $0.context }
        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
    }

    /// Whether an error of a channel says that no TLS came about on it. It is told once for a channel.
    static func isFailedHandshake(_ error: any Error) -> Bool {
        if case .handshakeFailed? = error as? NIOSSLError { return true }
        return false
    }

    private static func signatures(_ files: ServerTLSFiles) -> [FileSignature?] {
        [files.certificate, files.key, files.clientAuthorities].map { FileSignature(path: $0) }
    }

    private static func read(_ files: ServerTLSFiles) throws(TLSFileError) -> State {
        // Before they are read: what is written meanwhile is read the next time.
        let signatures = signatures(files)
        let certificates = try TLSPolicy.chain(at: files.certificate, called: "the server's certificate")
        let key = try TLSPolicy.key(at: files.key, called: "the server's key")
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(key))
        TLSPolicy.apply(to: &configuration)
        var authorities: [NIOSSLCertificate] = []
        if !files.clientAuthorities.isEmpty {
            let found = try TLSPolicy.authorities(at: files.clientAuthorities, called: "the clients' authority")
            // One that expires is not taken away: nobody has a certificate of it any more that holds.
            authorities = found.all
            configuration.trustRoots = .certificates(found.inForce)
            // A client without a certificate may have a token.
            configuration.certificateVerification = .optionalVerification
        }
        return State(
            files: files, context: try TLSPolicy.context(configuration, certificate: files.certificate),
            authorities: Set(authorities), expiry: Int64(certificates.first?.notValidAfter ?? 0),
            signatures: signatures)
    }
    #else
    package let files: ServerTLSFiles
    package init(_ files: ServerTLSFiles) throws(TLSFileError) { throw .missing }
    package func use(_ other: ServerTLS) {}
    package func reload() throws(TLSFileError) -> Bool { false }
    package var expiry: Int64 { 0 }
    package var authorityVersion: UInt64 { 0 }
    package func secure(_ channel: any Channel) throws {}
    static func isFailedHandshake(_ error: any Error) -> Bool { false }
    #endif
}

extension PeerCertificate {
    /// The certificate that the other side of a connection has proved to own; nil where it showed none, or there is no TLS.
    /// On the connection's event loop, after its first bytes.
    ///
    /// - Parameter authorityVersion: That of the server, from before the connection was secured.
    package init?(of channel: any Channel, authorityVersion: UInt64) {
        #if TLS
        guard let handler = try? channel.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self),
            let certificate = handler.peerCertificate
        else { return nil }
        self.init(
            names: certificate._subjectAlternativeNames().compactMap { Name($0) },
            expiry: Int64(certificate.notValidAfter), authorityVersion: authorityVersion)
        #else
        return nil
        #endif
    }
}

#if TLS
extension PeerCertificate.Name {
    /// Nil for a name of another kind, and for one that is no ASCII, as it has to be (RFC 5280, section 4.2.1.6).
    fileprivate init?(_ name: _SubjectAlternativeName) {
        let bytes = Array(name.contents)
        guard bytes.allSatisfy({ $0 < 0x80 }) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        switch name.nameType {
        case .dnsName: self = .dns(text)
        case .uri: self = .uri(text)
        case .email: self = .email(text)
        default: return nil
        }
    }
}
#endif
