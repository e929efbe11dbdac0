import Glibc

/// The exclusive right to a store's folder, held until it goes out of scope: a place in the process-wide table and a
/// lock on `herd.lock`, which the kernel drops when the process dies.
@safe struct FolderLock: ~Copyable {
    private let identity: FolderIdentity
    private let descriptor: Int32

    /// Creates the folder where it is missing and takes it.
    ///
    /// - Throws: `alreadyOpen` where this or another process holds it, `notWritable`, `diskFull`.
    init(_ path: String) throws(StoreError) {
        try createFolder(path)
        try self.init(existing: path)
    }

    /// Takes a folder that is there. Errors as above.
    init(existing path: String) throws(StoreError) {
        let identity = try FolderIdentity(path)
        guard openFolders.withLock({ folders in folders.insert(identity).inserted }) else {
            throw StoreError(
                .alreadyOpen, "the store \(path) is open in this process already; close it first or share it")
        }
        do {
            self.descriptor = try Self.lock(path)
            self.identity = identity
        } catch {
            _ = openFolders.withLock { folders in folders.remove(identity) }
            throw error
        }
    }

    deinit {
        _ = Glibc.close(descriptor)
        _ = openFolders.withLock { folders in folders.remove(identity) }
    }

    /// Frees the folder.
    consuming func release() {}

    private static func lock(_ path: String) throws(StoreError) -> Int32 {
        while true {
            let descriptor = try lockOnce(path)
            // Whoever held it may have removed the file meanwhile; a lock on that one keeps nobody out.
            if isInPlace(descriptor, path) {
                record(descriptor)
                return descriptor
            }
            _ = Glibc.close(descriptor)
        }
    }

    private static func isInPlace(_ descriptor: Int32, _ path: String) -> Bool {
        var locked = stat()
        var named = stat()
        guard unsafe fstat(descriptor, &locked) == 0, unsafe stat(path + "/herd.lock", &named) == 0 else {
            return false
        }
        return locked.st_dev == named.st_dev && locked.st_ino == named.st_ino
    }

    private static func lockOnce(_ path: String) throws(StoreError) -> Int32 {
        let file = path + "/herd.lock"
        let descriptor = unsafe Glibc.open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StoreError.status(errno, "opening", file) }
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let reason = errno
            if reason == EINTR { continue }
            defer { _ = Glibc.close(descriptor) }
            guard reason == EWOULDBLOCK else { throw StoreError.status(reason, "locking", file) }
            throw StoreError(
                .alreadyOpen,
                "the store \(path) is open in another process\(holder(descriptor)); "
                    + "stop it or give this one a folder of its own",
                cause: reason)
        }
        return descriptor
    }

    /// Leaves the process id for the message to others; the lock does not depend on it.
    private static func record(_ descriptor: Int32) {
        let text = Array("\(getpid())\n".utf8)
        if ftruncate(descriptor, 0) == 0 { _ = unsafe pwrite(descriptor, text, text.count, 0) }
    }

    private static func holder(_ descriptor: Int32) -> String {
        var text = [UInt8](repeating: 0, count: 16)
        let count = unsafe pread(descriptor, &text, text.count, 0)
        guard count > 1, let process = Int(String(decoding: text.prefix(count - 1), as: UTF8.self)) else { return "" }
        return " (\(process))"
    }
}

/// Creates the folder and those above it, for this user only.
func createFolder(_ path: String) throws(StoreError) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
        throw StoreError(.invalidArgument, "the path of a store is empty or has a NUL; name a folder")
    }
    var end = path.startIndex
    while end < path.endIndex {
        end = path[end...].dropFirst().firstIndex(of: "/") ?? path.endIndex
        let folder = String(path[..<end])
        if unsafe mkdir(folder, 0o700) == 0 {
            try synchroniseFolder(folder + "/..")
        } else if errno != EEXIST && end == path.endIndex {
            throw StoreError.status(errno, "creating", path)
        }
    }
}

/// Makes the entries of a folder durable.
func synchroniseFolder(_ path: String) throws(StoreError) {
    let descriptor = unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw StoreError.status(errno, "opening", path) }
    defer { _ = Glibc.close(descriptor) }
    // Some file systems cannot synchronise folders and say so with EINVAL.
    guard fsync(descriptor) == 0 || errno == EINVAL else { throw StoreError.status(errno, "synchronising", path) }
}

/// A folder as the kernel knows it, whatever path leads there.
private struct FolderIdentity: Hashable, Sendable {
    let device: UInt64
    let inode: UInt64

    init(_ path: String) throws(StoreError) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { throw StoreError.status(errno, "opening", path) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw StoreError.status(ENOTDIR, "opening", path)
        }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }
}

private let openFolders = Monitor<Set<FolderIdentity>>([])
