#if TLS
import Glibc
import NIOCore
import NIOSSL

/// What TLS is spoken: 1.3 and 1.2, with ephemeral keys and authenticated ciphers only.
enum TLSPolicy {
    static let cipherSuites: [NIOTLSCipher] = [
        .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ]

    static func apply(to configuration: inout TLSConfiguration) {
        configuration.minimumTLSVersion = .tlsv12
        configuration.cipherSuiteValues = cipherSuites
        // A peer that does not say goodbye has as long as one that does not read what it is told last.
        configuration.shutdownTimeout = ConnectionLimits.discardTime
    }

    /// The certificates of a file, the first of which, the owner's, is in force now.
    static func chain(at path: String, called name: String) throws(TLSFileError) -> [NIOSSLCertificate] {
        let certificates = try certificates(at: path, called: name)
        guard certificates[0].isInForce else { throw notInForce(path, name, certificates[0]) }
        return certificates
    }

    /// Those of a file, and of them those that are in force now: a bundle of many authorities is likely to hold one that has
    /// expired.
    static func authorities(
        at path: String, called name: String
    ) throws(TLSFileError) -> (all: [NIOSSLCertificate], inForce: [NIOSSLCertificate]) {
        let all = try certificates(at: path, called: name)
        let inForce = all.filter(\.isInForce)
        guard !inForce.isEmpty else { throw notInForce(path, name, all[0]) }
        return (all, inForce)
    }

    private static func certificates(at path: String, called name: String) throws(TLSFileError) -> [NIOSSLCertificate] {
        guard let certificates = try? NIOSSLCertificate.fromPEMFile(path), !certificates.isEmpty else {
            throw unreadable(path, name, "certificate")
        }
        return certificates
    }

    private static func notInForce(_ path: String, _ name: String, _ certificate: NIOSSLCertificate) -> TLSFileError {
        let what = time(nil) < certificate.notValidAfter ? "begins later" : "has expired"
        return TLSFileError("\(name) '\(path)' is not in force now: it \(what); put a new one there")
    }

    static func key(at path: String, called name: String) throws(TLSFileError) -> NIOSSLPrivateKey {
        do {
            return try NIOSSLPrivateKey(file: path, format: .pem)
        } catch {
            throw unreadable(path, name, "private key")
        }
    }

    private static func unreadable(_ path: String, _ name: String, _ what: String) -> TLSFileError {
        guard access(path, R_OK) == 0 else {
            return TLSFileError("\(name) '\(path)' can't be read: \(String(cString: strerror(errno))); check the path")
        }
        return TLSFileError("\(name) '\(path)' holds no \(what) in PEM; put one there, without a passphrase")
    }

    static func context(_ configuration: TLSConfiguration, certificate: String) throws(TLSFileError) -> NIOSSLContext {
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw TLSFileError(
                "the certificate '\(certificate)' and its key can't be used together: \(error); is the key the "
                    + "certificate's own?")
        }
    }
}

extension NIOSSLCertificate {
    fileprivate var isInForce: Bool {
        let now = time(nil)
        return notValidBefore <= now && now < notValidAfter
    }
}
#endif
