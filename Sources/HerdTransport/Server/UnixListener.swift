import Glibc
import NIOCore

/// The socket file of a server that listens on a path, from its making to its removal.
struct UnixListener: Sendable {
    /// A bound socket that does not listen yet; whoever listens on it closes it.
    let socket: NIOBSDSocket.Handle
    private let path: String
    private let device: dev_t
    private let inode: ino_t

    /// Binds `path` with that mode; a file that a server left there which listens no more is replaced.
    ///
    /// The file never has a wider mode than it is to have. Two processes that replace one stale file at the same instant are not
    /// kept apart here; herdd's stores are.
    ///
    /// - Throws: `UnixListenerError`.
    init(path: String, mode: UInt32) throws(UnixListenerError) {
        self.path = path
        guard path.utf8.count <= UnixSocketAddress.maximumPathLength else {
            throw UnixListenerError(
                "the path is \(path.utf8.count) bytes long and a socket's may have "
                    + "\(UnixSocketAddress.maximumPathLength); use a shorter one")
        }
        try Self.removeStaleFile(at: path)
        let socket = Glibc.socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw .system("a socket can't be made", errno) }
        // Linux gives the file the mode of the socket it is bound to, less the umask.
        guard fchmod(socket, mode) == 0, UnixSocketAddress.with(path, { bind(socket, $0, $1) }) == 0,
            chmod(path, mode) == 0
        else {
            let code = errno
            Glibc.close(socket)
            throw .system("the socket file can't be made", code)
        }
        self.socket = socket
        var status = stat()
        _ = lstat(path, &status)
        device = status.st_dev
        inode = status.st_ino
    }

    /// A listener that another process has made, on whose path there is a file.
    init(adopting socket: NIOBSDSocket.Handle, path: String) {
        self.socket = socket
        self.path = path
        var status = stat()
        _ = lstat(path, &status)
        device = status.st_dev
        inode = status.st_ino
    }

    /// Whether the file is there and has not been replaced.
    var isInPlace: Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_dev == device && status.st_ino == inode
            && status.st_mode & S_IFMT == S_IFSOCK
    }

    /// Removes the file, unless another server has replaced it meanwhile.
    func remove() {
        if isInPlace { unlink(path) }
    }

    private static func removeStaleFile(at path: String) throws(UnixListenerError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw UnixListenerError("there is a file that is no socket; remove it or use another path")
        }
        let probe = Glibc.socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue), 0)
        guard probe >= 0 else { throw .system("a socket can't be made", errno) }
        defer { Glibc.close(probe) }
        let isAnswered = UnixSocketAddress.with(path) { connect(probe, $0, $1) } == 0
        // A full queue is a listener's too; only a refusal says that nobody listens.
        guard !isAnswered, errno == ECONNREFUSED else {
            throw UnixListenerError("another process listens there; stop it or use another path")
        }
        guard unlink(path) == 0 || errno == ENOENT else {
            throw .system("the socket file that an earlier server left can't be removed", errno)
        }
    }
}

/// Why a server can't listen on a path, in a sentence with the remedy.
package struct UnixListenerError: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }

    static func system(_ what: String, _ code: CInt) -> UnixListenerError {
        UnixListenerError("\(what): \(String(cString: strerror(code))); check the folder and its permissions")
    }
}
