import Glibc

/// The standard output stream, unbuffered, whose failures are not passed over: a script must not take half a reply for one.
enum StandardOutput {
    static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    static func write(_ text: String) throws(CommandFailure) {
        var text = text
        let isWritten = text.withUTF8 { bytes in
            var offset = 0
            while offset < bytes.count, let base = bytes.baseAddress {
                let written = Glibc.write(STDOUT_FILENO, base + offset, bytes.count - offset)
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { return false }
                offset += written
            }
            return true
        }
        guard isWritten else {
            throw CommandFailure("standard output can't be written: \(String(cString: strerror(errno)))", exitCode: 74)
        }
    }
}
