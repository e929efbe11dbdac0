import CLMDB
import Glibc

extension StoreError {
    /// The error for an LMDB status or an `errno`, which share one number space (LMDB's are below -30,000).
    static func status(_ status: Int32, _ doing: String, _ path: String, table: String? = nil) -> StoreError {
        let (code, remedy) = meaning(status == EIO && isFull(path) ? ENOSPC : status)
        let text = unsafe String(cString: mdb_strerror(status))
        return StoreError(code, "\(doing) \(path): \(text)\(remedy)", table: table, cause: status)
    }

    /// LMDB calls a write that was cut short by a full disk an input/output error.
    private static func isFull(_ path: String) -> Bool {
        var disk = statvfs()
        return unsafe statvfs(path, &disk) == 0 && disk.f_bavail == 0
    }

    private static func meaning(_ status: Int32) -> (Code, String) {
        switch status {
        case MDB_MAP_FULL:
            (.resourceExhausted, "; the address space of the store is used up")
        case MDB_TXN_FULL:
            (.resourceExhausted, "; one write changes too many pages, split it")
        case MDB_READERS_FULL:
            (.resourceExhausted, "; too many reads at once, raise maxReaders")
        case MDB_DBS_FULL:
            (.invalidArgument, "; declare the table when opening the store")
        case MDB_CORRUPTED, MDB_PAGE_NOTFOUND, MDB_INVALID, MDB_VERSION_MISMATCH, MDB_INCOMPATIBLE, MDB_CURSOR_FULL:
            (.damaged, "; restore the folder from a backup")
        case MDB_PANIC:
            (.inputOutput, "; an earlier write to the disk failed, close the store and open it again")
        case MDB_BAD_VALSIZE:
            (.invalidArgument, "; keys have 1 to 511 bytes")
        case EACCES, EPERM, EROFS:
            (.notWritable, "; make the folder writable for this user")
        case ENOSPC, EDQUOT, EFBIG:
            (.diskFull, "; free space on the disk")
        case ENOTDIR, EISDIR:
            (.notWritable, "; name a folder")
        case EMFILE, ENFILE, ENOMEM, EAGAIN:
            (.resourceExhausted, "")
        default:
            (.inputOutput, "")
        }
    }
}
