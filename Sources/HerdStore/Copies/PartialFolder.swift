import Glibc

/// A folder that appears under its name whole or not at all: it is filled as `NAME.incomplete`, under that folder's lock,
/// and renamed when all of it is on the disk.
@safe struct PartialFolder: ~Copyable {
    static let suffix = ".incomplete"

    /// Where the contents go for now.
    let path: String
    private let name: String
    private let lock: FolderLock

    /// - Parameter name: the folder to be; it must be missing or empty. Those above it are created.
    /// - Throws: `alreadyExists`, `alreadyOpen` where another copy goes there now, `notWritable`, `diskFull`.
    init(_ name: String) throws(StoreError) {
        var name = name
        while name.utf8.count > 1, name.hasSuffix("/") { name.removeLast() }
        try Self.checkVacant(name)
        self.lock = try Self.take(name + Self.suffix, for: name)
        self.name = name
        path = name + Self.suffix
        // What a killed process may have left.
        _ = unsafe unlink(path + "/data.mdb")
    }

    private static func take(_ path: String, for name: String) throws(StoreError) -> FolderLock {
        do throws(StoreError) {
            return try FolderLock(path)
        } catch {
            guard error.code == .alreadyOpen else { throw error }
            throw StoreError(
                .alreadyOpen, "another copy to \(name) is being made; wait for its end", cause: error.cause)
        }
    }

    /// Gives the folder its name, durably.
    consuming func finish() throws(StoreError) {
        do throws(StoreError) {
            try synchroniseFolder(path)
            guard unsafe rename(path, name) == 0 else {
                if errno == ENOTEMPTY || errno == EEXIST { throw Self.occupied(name) }
                throw StoreError.status(errno, "creating", name)
            }
        } catch {
            discard()
            throw error
        }
        _ = unsafe unlink(name + "/herd.lock")
        try synchroniseFolder(name)
        try synchroniseFolder(name + "/..")
        lock.release()
    }

    /// Removes what was written.
    func discard() {
        for file in ["data.mdb", "herd.lock"] { _ = unsafe unlink(path + "/" + file) }
        _ = unsafe rmdir(path)
    }

    static func checkVacant(_ name: String) throws(StoreError) {
        guard let entries = try FolderListing.entries(of: name) else { return }
        guard entries.isEmpty else { throw occupied(name) }
    }

    private static func occupied(_ name: String) -> StoreError {
        StoreError(.alreadyExists, "\(name) is not empty; name a folder that does not exist yet")
    }
}

/// What lies in a folder.
enum FolderListing {
    /// The names but `.` and `..`, sorted; nil where there is no such folder.
    static func entries(of path: String) throws(StoreError) -> [String]? {
        guard let folder = unsafe opendir(path) else {
            if errno == ENOENT { return nil }
            throw StoreError.status(errno, "reading", path)
        }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe String(cString: UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}
