import Glibc
import Synchronization

/// How far a copy is, in bytes of the file.
package struct CopyProgress: Sendable, Equatable {
    package let done: Int
    package let total: Int

    package init(done: Int, total: Int) {
        self.done = done
        self.total = total
    }
}

/// Writes a file that did not exist, from buffers, telling of its progress.
@safe struct CopyTarget: ~Copyable {
    /// How much is written between two reports; each time it is made durable, so that the end has little left to do and
    /// the writes of others do not wait behind a pile of it.
    private static let step = 16 << 20

    let path: String
    private let total: Int
    private let descriptor: Int32
    private let progress: (CopyProgress) -> Void
    private var written = 0
    private var reported = 0

    init(_ path: String, total: Int, progress: @escaping (CopyProgress) -> Void) throws(StoreError) {
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StoreError.status(errno, "creating", path) }
        self.path = path
        self.total = total
        self.progress = progress
        progress(CopyProgress(done: 0, total: total))
    }

    deinit {
        _ = close(descriptor)
    }

    mutating func write(_ bytes: ArraySlice<UInt8>) throws(StoreError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { buffer in
                unsafe Glibc.write(descriptor, buffer.baseAddress, buffer.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw StoreError.status(count < 0 ? errno : EIO, "writing", path) }
            rest = rest.dropFirst(count)
            written += count
        }
        if written - reported >= Self.step {
            try synchronise()
            progress(CopyProgress(done: written, total: max(total, written)))
            reported = written
        }
    }

    consuming func finish() throws(StoreError) {
        try synchronise()
        progress(CopyProgress(done: written, total: written))
    }

    private func synchronise() throws(StoreError) {
        guard fsync(descriptor) == 0 else { throw StoreError.status(errno, "synchronising", path) }
    }
}

/// A wish to stop, from any thread.
final class StopFlag: Sendable {
    private let isSet = Atomic<Bool>(false)

    func set() { isSet.store(true, ordering: .relaxed) }

    /// - Throws: `cancelled` once it is set.
    func check() throws(StoreError) {
        if isSet.load(ordering: .relaxed) { throw StoreError(.cancelled, "the copy was cancelled") }
    }
}
