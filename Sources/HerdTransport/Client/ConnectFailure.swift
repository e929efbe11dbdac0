import Glibc
import NIOCore
import NIOPosix

/// Why a connection could not be made, in words for a person.
struct ConnectFailure: CustomStringConvertible {
    let error: any Error

    var description: String {
        switch error {
        case let error as NIOConnectionError: description(of: error)
        case let error as IOError: Self.description(of: error)
        case let error as ChannelError: Self.description(of: error)
        default: "\(error)"
        }
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
