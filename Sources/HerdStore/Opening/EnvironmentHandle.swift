import CLMDB
import Glibc

/// The owner of an open `MDB_env`.
@safe struct EnvironmentHandle: ~Copyable {
    let pointer: OpaquePointer

    /// Opens `data.mdb` and `lock.mdb` in a folder this process holds a `FolderLock` on.
    static func open(_ path: String, maxTables: Int, options: StoreOptions) throws(StoreError) -> EnvironmentHandle {
        try createDataFile(path)
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

    /// Opens `data.mdb` for reading only, touching no other file. Nobody may write to it meanwhile.
    ///
    /// - Parameter mapBytes: at least the file's length.
    static func openForReading(
        _ path: String, maxTables: Int, mapBytes: Int
    ) throws(StoreError) -> EnvironmentHandle {
        let handle = try EnvironmentHandle(creatingFor: path)
        try check(unsafe mdb_env_set_mapsize(handle.pointer, mapBytes), path)
        try check(unsafe mdb_env_set_maxdbs(handle.pointer, UInt32(clamping: maxTables)), path)
        let flags = UInt32(MDB_NOTLS | MDB_RDONLY | MDB_NOLOCK)
        try check(unsafe mdb_env_open(handle.pointer, path, flags, 0o600), path)
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

    /// Makes `data.mdb` where it is missing, whole or not at all: LMDB writes a new file's header without waiting for the
    /// disk, and a power cut would leave a file that is no store.
    private static func createDataFile(_ path: String) throws(StoreError) {
        var status = stat()
        if unsafe stat(path + "/data.mdb", &status) == 0, status.st_size > 0 { return }
        let folder = path + "/creating"
        guard unsafe mkdir(folder, 0o700) == 0 || errno == EEXIST else {
            throw StoreError.status(errno, "creating", path)
        }
        // What an earlier try may have left.
        _ = unsafe unlink(folder + "/data.mdb")
        defer {
            _ = unsafe unlink(folder + "/data.mdb")
            _ = unsafe rmdir(folder)
        }
        try writeEmptyStore(folder, path)
        guard unsafe rename(folder + "/data.mdb", path + "/data.mdb") == 0 else {
            throw StoreError.status(errno, "creating", path)
        }
        try synchroniseFolder(path)
    }

    private static func writeEmptyStore(_ folder: String, _ path: String) throws(StoreError) {
        let handle = try EnvironmentHandle(creatingFor: path)
        try check(unsafe mdb_env_set_mapsize(handle.pointer, 1 << 20), path)
        try check(unsafe mdb_env_set_maxdbs(handle.pointer, 1), path)
        try check(unsafe mdb_env_open(handle.pointer, folder, UInt32(MDB_NOTLS | MDB_NOLOCK), 0o600), path)
        let transaction = unsafe try TransactionHandle(handle.pointer, path: path)
        var table: MDB_dbi = 0
        try check(unsafe mdb_dbi_open(transaction.pointer, Meta.table.name, UInt32(MDB_CREATE), &table), path)
        try check(transaction.commit(), path)
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
