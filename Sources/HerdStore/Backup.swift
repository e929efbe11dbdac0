import CLMDB
import Glibc

extension StoreEnvironment {
    /// Copies the store as of now into another folder while it goes on working; blocks until the copy is on the disk.
    ///
    /// - Parameter folder: created where it is missing; it must hold no store yet.
    /// - Throws: `notWritable`, `diskFull`, `alreadyOpen`, `closed`, `invalidArgument` where the folder holds a store.
    package func backup(to folder: String) throws(StoreError) {
        let lock = try FolderLock(folder)
        let file = folder + "/data.mdb"
        let descriptor = unsafe Glibc.open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            if errno == EEXIST {
                throw StoreError(.invalidArgument, "\(folder) holds a store already; name an empty folder")
            }
            throw StoreError.status(errno, "creating", file)
        }
        do throws(StoreError) {
            try copy(to: descriptor, file)
            try synchroniseFolder(folder)
        } catch {
            _ = unsafe unlink(file)
            throw error
        }
        lock.release()
    }

    private func copy(to descriptor: Int32, _ file: String) throws(StoreError) {
        defer { _ = Glibc.close(descriptor) }
        let status = unsafe withHandle { environment in unsafe mdb_env_copyfd2(environment, descriptor, 0) }
        guard let status else { throw StoreError.closed(path) }
        guard status == MDB_SUCCESS else { throw StoreError.status(status, "copying to", file) }
        guard fsync(descriptor) == 0 else { throw StoreError.status(errno, "synchronising", file) }
    }
}
