import Glibc
import NIOCore
import NIOPosix

#if TLS
import NIOSSL
#endif

/// Why a connection could not be made, in words for a person.
struct ConnectFailure: CustomStringConvertible {
    let error: any Error

    var description: String {
        switch error {
        case let error as NIOConnectionError: description(of: error)
        case let error as IOError: Self.description(of: error)
        case let error as ChannelError: Self.description(of: error)
        default: Self.handshakeDescription(of: error) ?? "\(error)"
        }
    }

    /// Whether the two sides could not agree on TLS.
    static func isOfHandshake(_ error: any Error) -> Bool { handshakeDescription(of: error) != nil }

    private static func handshakeDescription(of error: any Error) -> String? {
        #if TLS
        switch error {
        case NIOSSLError.handshakeFailed(let reason):
            let text = "\(reason)"
            if text.contains("CERTIFICATE_VERIFY_FAILED") {
                return "its certificate is signed by no authority that is trusted here, or has expired; name the "
                    + "authority's file"
            }
            if text.contains("WRONG_VERSION_NUMBER") || text.contains("EOF during handshake") {
                return "it does not speak TLS, or would not go on; is it configured for it?"
            }
            return "TLS could not be agreed on: \(text.prefix(300))"
        case let error as NIOSSLExtraError
        where error == .failedToValidateHostname || error == .serverHostnameImpossibleToMatch:
            return "its certificate is for another name; connect by a name in it, or give the server's name"
        case NIOSSLError.unableToValidateCertificate: return "its certificate is for another address"
        default: return nil
        }
        #else
        return nil
        #endif
    }

    /// Of a name: either it stands for nothing, or every address of it failed; the first says enough.
    private func description(of error: NIOConnectionError) -> String {
        if let first = error.connectionErrors.first { return "\(ConnectFailure(error: first.error))" }
        return "the name '\(error.host)' is not known"
    }

    private static func description(of error: IOError) -> String {
        switch error.errnoCode {
        case ECONNREFUSED: "nobody listens there (connection refused)"
        case ENOENT: "there is no such socket"
        case EACCES, EPERM: "the system does not allow it (permission denied)"
        case EHOSTUNREACH, ENETUNREACH: "no route leads there"
        case ETIMEDOUT: "no answer came in time"
        case EMFILE, ENFILE: "too many files are open; raise the limit (ulimit -n)"
        default: "\(error)"
        }
    }

    private static func description(of error: ChannelError) -> String {
        if case .connectTimeout = error { "no answer came in time" } else { "\(error)" }
    }
}
