import Glibc

/// A file that is never written to a disk, for what reads files only.
enum MemoryFile {
    static func withPath<Value>(of content: [UInt8], _ body: (String) -> Value) -> Value {
        var name = Array("/dev/shm/herd-fuzz-XXXXXX".utf8CString)
        let descriptor = mkstemp(&name)
        precondition(descriptor >= 0, "a file in memory can't be made")
        unlink(name)
        defer { close(descriptor) }
        var written = 0
        while written < content.count {
            let count = content[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            precondition(count > 0, "a file in memory can't be written")
            written += count
        }
        return body("/proc/self/fd/\(descriptor)")
    }
}
