import Glibc

/// A whole file mapped read-only, unmapped with its last reference.
///
/// A file that is replaced by renaming another over it stays readable here as it was; one that is truncated in place
/// while mapped is not, so resources must be updated by renaming.
final class MappedFile: Sendable {
    nonisolated(unsafe) let bytes: UnsafeRawBufferPointer

    /// Maps `path`; throws the operation that failed and its `errno` in words.
    init(path: String) throws(MappingFailure) {
        // A path with a NUL would be cut at it and name another file.
        guard !path.utf8.contains(0) else { throw MappingFailure(detail: "its path contains a NUL") }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw MappingFailure(operation: "open") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw MappingFailure(operation: "stat") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw MappingFailure(detail: "it is not a regular file") }
        guard let size = Int(exactly: status.st_size), size > 0 else { throw MappingFailure(detail: "it is empty") }
        guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            throw MappingFailure(operation: "map")
        }
        bytes = UnsafeRawBufferPointer(start: address, count: size)
    }

    deinit {
        munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
    }
}

/// Why a file could not be mapped.
struct MappingFailure: Error {
    let detail: String

    init(detail: String) { self.detail = detail }

    /// For the system call that just failed.
    init(operation: String) {
        let code = errno
        detail = "\(operation) failed: \(String(cString: strerror(code)))"
    }
}
