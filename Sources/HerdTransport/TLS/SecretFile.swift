import Glibc

/// What a file with a secret in it holds; read whole, and small.
package enum SecretFile {
    /// A credential is a line or a few.
    package static let maximumBytes = 64 << 10

    /// The text of a file.
    ///
    /// - Throws: why it can't be read, naming it and never what is in it.
    package static func text(at path: String) throws(SecretFileError) -> String {
        // Without O_NONBLOCK, a pipe would hold the caller up.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .system(path, errno) }
        defer { close(descriptor) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            throw SecretFileError("'\(path)' is no file; name one that holds the secret")
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system(path, errno) }
            if count == 0 { break }
            bytes += chunk[..<count]
            guard bytes.count <= maximumBytes else {
                throw SecretFileError("'\(path)' is longer than \(maximumBytes) bytes; is it the file with the secret?")
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw SecretFileError("'\(path)' is no text; is it the file with the secret?")
        }
        return text
    }

    /// The first line of a file, without white space around it.
    package static func line(at path: String) throws(SecretFileError) -> String {
        var line = try text(at: path).split(whereSeparator: \.isNewline).first ?? ""
        while line.first?.isWhitespace == true { line.removeFirst() }
        while line.last?.isWhitespace == true { line.removeLast() }
        guard !line.isEmpty else { throw SecretFileError("'\(path)' is empty; write the secret into it") }
        return String(line)
    }
}

/// Why a file with a secret can't be read, in a sentence with the remedy.
package struct SecretFileError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }

    static func system(_ path: String, _ code: CInt) -> SecretFileError {
        SecretFileError(
            "'\(path)' can't be read: \(String(cString: strerror(code))); check the path and its permissions")
    }
}

/// Tells whether a file changed since it was looked at.
package struct FileSignature: Hashable, Sendable {
    private let numbers: [Int]

    /// Nil where there is no file. Links are followed: those of Kubernetes change what they lead to.
    package init?(path: String) {
        var facts = stat()
        guard stat(path, &facts) == 0 else { return nil }
        numbers = [
            Int(truncatingIfNeeded: facts.st_dev), Int(truncatingIfNeeded: facts.st_ino), facts.st_size,
            facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec, facts.st_ctim.tv_sec, facts.st_ctim.tv_nsec,
        ]
    }
}
