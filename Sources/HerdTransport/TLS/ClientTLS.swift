import NIOCore
import NIOConcurrencyHelpers

#if TLS
import Glibc
import NIOSSL
#endif

/// TLS of a client's connections, from files that may be replaced while it runs.
package final class ClientTLS: Sendable {
    private let files: ClientTLSFiles

    #if TLS
    private struct State {
        var context: NIOSSLContext?
        var signatures: [FileSignature?] = []
    }

    private let state = NIOLockedValueBox(State())
    #endif

    package init(_ files: ClientTLSFiles) {
        self.files = files
    }

    #if TLS
    /// Reads the files where they were not read yet or have changed. Blocks for as long as the disk takes.
    ///
    /// - Throws: what is wrong with them, where there is nothing to go on with.
    package func prepare() throws(TLSFileError) {
        let signatures = [files.authorities, files.certificate, files.key].map { FileSignature(path: $0) }
        let (context, isChanged) = state.withLockedValue { ($0.context, $0.signatures != signatures) }
        guard context == nil || isChanged else { return }
        do throws(TLSFileError) {
            let fresh = try read()
            state.withLockedValue { $0 = State(context: fresh, signatures: signatures) }
        } catch {
            // Half replaced, perhaps: the next connection looks again.
            if context == nil { throw error }
        }
    }

    /// Has a connection to `host`, a name or an address, speak TLS; before any other handler is added.
    func secure(_ channel: any Channel, host: String) throws {
        guard let context = state.withLockedValue({ $0.context }) else { throw ChannelError.operationUnsupported }
        let name = files.serverName.isEmpty ? host : files.serverName
        // Of an address it is the address that the certificate has to be for.
        try channel.pipeline.syncOperations.addHandler(
            NIOSSLClientHandler(context: context, serverHostname: Self.isAddress(name) ? nil : name))
    }

    private func read() throws(TLSFileError) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        TLSPolicy.apply(to: &configuration)
        if !files.authorities.isEmpty {
            configuration.trustRoots = .certificates(
                try TLSPolicy.authorities(at: files.authorities, called: "the servers' authority").inForce)
        }
        guard files.certificate.isEmpty == files.key.isEmpty else {
            throw TLSFileError("a client certificate and its key go together; name both files or none")
        }
        if !files.certificate.isEmpty {
            configuration.certificateChain = try TLSPolicy.chain(
                at: files.certificate, called: "the client's certificate"
            ).map { .certificate($0) }
            configuration.privateKey = .privateKey(try TLSPolicy.key(at: files.key, called: "the client's key"))
        }
        return try TLSPolicy.context(configuration, certificate: files.certificate)
    }

    private static func isAddress(_ host: String) -> Bool {
        // Room for either.
        var bytes = [UInt8](repeating: 0, count: 16)
        return inet_pton(AF_INET, host, &bytes) == 1 || inet_pton(AF_INET6, host, &bytes) == 1
    }
    #else
    package func prepare() throws(TLSFileError) { throw .missing }
    func secure(_ channel: any Channel, host: String) throws {}
    #endif
}

/// What a client's connection needs besides an address, found out anew for each.
package struct ConnectionSecurity: Sendable {
    /// TLS; nil goes without. Unix sockets always do.
    package var tls: ClientTLS?
    /// Gives metadata of HELLO that may change: the credential. It may block, and throws what its caller is told.
    package var credential: (@Sendable () throws -> [String: String])?

    package init(tls: ClientTLS? = nil, credential: (@Sendable () throws -> [String: String])? = nil) {
        self.tls = tls
        self.credential = credential
    }
}
