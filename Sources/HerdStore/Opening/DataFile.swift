import Glibc

/// The pages of `data.mdb`, read with system calls rather than through a map, so that a short or unreadable file is an
/// error and not a signal.
@safe struct DataFile: ~Copyable {
    let path: String
    let byteCount: Int
    private let descriptor: Int32

    /// Opens the file; nil where there is none or it is empty.
    static func open(_ path: String) throws(StoreError) -> DataFile? {
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw StoreError.status(errno, "opening", path)
        }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            let reason = errno
            _ = Glibc.close(descriptor)
            throw StoreError.status(reason, "opening", path)
        }
        let file = DataFile(path: path, byteCount: Int(status.st_size), descriptor: descriptor)
        return file.byteCount > 0 ? consume file : nil
    }

    private init(path: String, byteCount: Int, descriptor: Int32) {
        self.path = path
        self.byteCount = byteCount
        self.descriptor = descriptor
    }

    deinit {
        _ = Glibc.close(descriptor)
    }

    /// The bytes of a range; nil where the file ends before its end.
    func read(at offset: Int, count: Int) throws(StoreError) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let result = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe pread(
                    descriptor, buffer.baseAddress?.advanced(by: filled), count - filled, offset + filled)
            }
            if result < 0 && errno == EINTR { continue }
            guard result >= 0 else { throw StoreError.status(errno, "reading", path) }
            if result == 0 { return nil }
            filled += result
        }
        return bytes
    }
}

/// Fields of a page in the byte order of this machine, which is the one LMDB writes.
extension [UInt8] {
    func field<Integer: FixedWidthInteger & BitwiseCopyable>(_ type: Integer.Type, at offset: Int) -> Integer? {
        guard offset >= 0, count >= MemoryLayout<Integer>.size, offset <= count - MemoryLayout<Integer>.size else {
            return nil
        }
        return unsafe span.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: type)
    }
}
