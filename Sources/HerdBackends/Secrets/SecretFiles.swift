import Glibc

/// The folder in which files that endpoints refer to have to lie, so that a registered endpoint cannot make Herd send any
/// other file of the machine.
struct SecretFiles: Sendable {
    /// Why a file cannot be used, as the rest of a sentence that begins with it.
    struct Refused: Error {
        var reason: String
    }

    /// A file that is open for reading, closed with the value.
    struct Open: ~Copyable {
        let descriptor: Int32
        let path: String

        deinit {
            close(descriptor)
        }
    }

    /// Nil where none is configured.
    let directory: String?

    static func validate(_ path: String, field: String) throws(EndpointConfiguration.Invalid) {
        let components = path.split(separator: "/", omittingEmptySubsequences: true)
        guard !components.isEmpty, !components.contains(".."), !path.utf8.contains(0), path.utf8.count <= 4096 else {
            throw EndpointConfiguration.Invalid(
                field: field, reason: "must be the path of a file under the secrets directory, without ..")
        }
    }

    /// Opens a file by its path from the directory, or by an absolute one that leads there.
    func open(_ path: String) throws(Refused) -> Open {
        guard let directory else { throw Refused(reason: "cannot be used without a configured secrets directory") }
        // Links may stay inside, as those of Kubernetes do; what they lead to is what counts.
        guard let root = Self.resolved(directory) else {
            throw Refused(reason: "cannot be read, because the secrets directory is not there")
        }
        guard let real = Self.resolved(path.hasPrefix("/") ? path : "\(directory)/\(path)") else {
            throw Refused(reason: "is not there")
        }
        guard real.hasPrefix(root == "/" ? "/" : root + "/") else {
            throw Refused(reason: "is not under the secrets directory")
        }
        // Without O_NONBLOCK, a pipe would hold the caller up.
        let descriptor = Glibc.open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { throw Refused(reason: "cannot be read: \(String(cString: strerror(errno)))") }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw Refused(reason: "is no regular file")
        }
        return Open(descriptor: descriptor, path: real)
    }

    private static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }
}
