import CLMDB
import Glibc

/// The owner of an open `MDB_env`.
@safe struct EnvironmentHandle: ~Copyable {
    let pointer: OpaquePointer

    /// Opens `data.mdb` and `lock.mdb` in a folder this process holds a `FolderLock` on.
    static func open(_ path: String, maxTables: Int, options: StoreOptions) throws(StoreError) -> EnvironmentHandle {
        try reserveReaderTable(path, options.maxReaders)
        let handle = try EnvironmentHandle(creatingFor: path)
        try check(unsafe mdb_env_set_mapsize(handle.pointer, options.mapBytes), path)
        try check(unsafe mdb_env_set_maxdbs(handle.pointer, UInt32(clamping: maxTables)), path)
        try check(unsafe mdb_env_set_maxreaders(handle.pointer, UInt32(clamping: options.maxReaders)), path)
        // Never MDB_NOSYNC, MDB_WRITEMAP or MDB_MAPASYNC: a commit that returned is on the disk.
        try check(unsafe mdb_env_open(handle.pointer, path, UInt32(MDB_NOTLS), 0o600), path)
        var stale: Int32 = 0
        try check(unsafe mdb_reader_check(handle.pointer, &stale), path)
        try synchroniseFolder(path)
        return handle
    }

    private init(creatingFor path: String) throws(StoreError) {
        var created: OpaquePointer?
        let status = unsafe mdb_env_create(&created)
        guard status == MDB_SUCCESS, let created = unsafe created else {
            throw StoreError.status(status, "opening", path)
        }
        unsafe pointer = created
    }

    deinit {
        unsafe mdb_env_close(pointer)
    }

    /// Closes the files.
    consuming func close() {}

    private static func check(_ status: Int32, _ path: String) throws(StoreError) {
        guard status == MDB_SUCCESS else { throw StoreError.status(status, "opening", path) }
    }

    /// Gives the reader table, which is mapped, its disk blocks now: a full disk is an error here and a SIGBUS later.
    private static func reserveReaderTable(_ path: String, _ maxReaders: Int) throws(StoreError) {
        let file = path + "/lock.mdb"
        let descriptor = unsafe Glibc.open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StoreError.status(errno, "opening", file) }
        defer { _ = Glibc.close(descriptor) }
        // A header and one cache line for each reader; LMDB takes as many readers as fit.
        let status = posix_fallocate(descriptor, 0, (maxReaders + 4) * 64)
        guard status == 0 || status == EOPNOTSUPP || status == EINVAL else {
            throw StoreError.status(status, "reserving", file)
        }
    }
}
