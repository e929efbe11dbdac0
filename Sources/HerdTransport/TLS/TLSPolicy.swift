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

    /// The certificates of a file, the first of which is in force now.
    static func certificates(at path: String, called name: String) throws(TLSFileError) -> [NIOSSLCertificate] {
        let certificates: [NIOSSLCertificate]
        do {
            certificates = try NIOSSLCertificate.fromPEMFile(path)
        } catch {
            throw unreadable(path, name, "certificate")
        }
        guard let first = certificates.first else { throw unreadable(path, name, "certificate") }
        let now = time(nil)
        guard first.notValidBefore <= now, now < first.notValidAfter else {
            throw TLSFileError(
                "\(name) '\(path)' is not in force now: it \(now < first.notValidAfter ? "begins later" : "has expired"); "
                    + "put a new one there")
        }
        return certificates
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
#endif
