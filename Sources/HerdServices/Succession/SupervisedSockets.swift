import Glibc
import HerdTransport

/// The sockets that a supervisor has bound for this process: sd_listen_fds(3), as systemd does for a unit of type socket.
/// They stay open while the process is restarted, so that connections wait and none is refused.
enum SupervisedSockets {
    private static let first: CInt = 3

    /// Adds what is there. The environment is for this process alone, and is cleared.
    ///
    /// - Throws: `ConfigurationError` for what can't be listened on.
    static func add(to inherited: InheritedSockets) throws(ConfigurationError) {
        let (process, count) = (number("LISTEN_PID"), number("LISTEN_FDS"))
        for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsetenv(name) }
        guard let process, process == Int(getpid()), let count, count > 0, count <= 1_024 else { return }
        for descriptor in first..<(first + CInt(count)) {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            guard let bound = ListeningSocket.address(of: descriptor) else {
                throw ConfigurationError(
                    "the supervisor handed over a socket (\(descriptor)) that does not listen for streams on TCP or on a "
                        + "path; use ListenStream= and Accept=no in the socket unit")
            }
            inherited.add(
                ListeningSocket(configured: bound, bound: bound, descriptor: descriptor, isSupervised: true), of: nil)
        }
    }

    private static func number(_ name: String) -> Int? {
        getenv(name).flatMap { Int(String(cString: $0)) }
    }
}
