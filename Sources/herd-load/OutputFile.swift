import Glibc
import HerdLoad

/// A file to write a text to, opened before the work whose result it takes.
struct OutputFile {
    private let descriptor: Int32
    private let name: String

    static let standard = OutputFile(descriptor: STDOUT_FILENO, name: "standard output")

    private init(descriptor: Int32, name: String) { (self.descriptor, self.name) = (descriptor, name) }

    /// Makes or empties the file.
    init(_ path: String) throws(LoadFailure) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        name = path
        guard descriptor >= 0 else {
            throw LoadFailure("\(path) can't be written: \(String(cString: strerror(errno)))", exitCode: 74)
        }
    }

    /// Writes all of it, or fails: a script must not take half a report for one.
    func write(_ text: String) throws(LoadFailure) {
        var text = text
        let isWritten = text.withUTF8 { bytes in
            var offset = 0
            while offset < bytes.count, let base = bytes.baseAddress {
                let count = Glibc.write(descriptor, base + offset, bytes.count - offset)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                offset += count
            }
            return true
        }
        guard isWritten else {
            throw LoadFailure("\(name) can't be written: \(String(cString: strerror(errno)))", exitCode: 74)
        }
    }
}

/// Standard error.
enum Terminal {
    static var isInteractive: Bool { isatty(STDERR_FILENO) == 1 }

    static func tell(_ text: String) {
        var text = text
        _ = text.withUTF8 { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
