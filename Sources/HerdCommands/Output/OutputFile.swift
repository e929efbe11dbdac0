import Glibc

/// A file that a command writes beside what it prints.
enum OutputFile {
    /// - Throws: `CommandFailure` with code 74 where it can't be made or written.
    static func write(_ text: String, to path: String) throws(CommandFailure) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw CommandFailure("\(path) can't be written: \(String(cString: strerror(errno)))", exitCode: 74)
        }
        var text = text
        let isWritten = text.withUTF8 { bytes in
            var offset = 0
            while offset < bytes.count, let base = bytes.baseAddress {
                let written = Glibc.write(descriptor, base + offset, bytes.count - offset)
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { return false }
                offset += written
            }
            return true
        }
        guard close(descriptor) == 0, isWritten else {
            throw CommandFailure("\(path) can't be written: \(String(cString: strerror(errno)))", exitCode: 74)
        }
    }
}
