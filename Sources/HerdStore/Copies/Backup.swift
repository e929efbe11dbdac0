import CLMDB
import Glibc

extension StoreEnvironment {
    /// Copies the store, as of a moment after the call, into another folder while it goes on working.
    ///
    /// The copy is one snapshot with every write acknowledged before; it is there whole, on the disk, or not at all. Only
    /// pages in use go into it, so that it is no larger than what is stored. It is made on a thread of its own. While it
    /// lasts the pages of its snapshot cannot be used again, so that the file of a store that is written to grows; writers
    /// wait only for the moment in which the snapshot is taken.
    ///
    /// - Parameters:
    ///   - folder: missing, or empty; created with those above it.
    ///   - progress: called on that thread, about every 16 MiB.
    /// - Throws: `alreadyExists`, `alreadyOpen` where another copy goes there now, `cancelled` with the task,
    ///   `notWritable`, `diskFull`, `closed`.
    package func backup(
        to folder: String, progress: @escaping @Sendable (CopyProgress) -> Void = { _ in }
    ) async throws {
        let stop = StopFlag()
        try await withTaskCancellationHandler {
            try await BackgroundThread.run { () throws(StoreError) in
                let partial = try PartialFolder(folder)
                do throws(StoreError) {
                    try self.copy(to: partial.path + "/data.mdb", stop, progress)
                } catch {
                    partial.discard()
                    throw error
                }
                try partial.finish()
            }
        } onCancel: {
            stop.set()
        }
        let time = OrderedBytes().adding(wallMilliseconds()).bytes
        enqueue { transaction in try transaction.put(time, for: Meta.backupKey, in: Meta.table) }
    }

    /// Leaves out the pages that wait to be used again. With them the time of a copy, in which the file grows, would grow
    /// with the file, and on a slow disk each copy would make the next one slower.
    private func copy(
        to file: String, _ stop: StopFlag, _ progress: @escaping (CopyProgress) -> Void
    ) throws(StoreError) {
        guard let used = unsafe withHandle({ environment in unsafe Self.usedBytes(environment) }) else {
            throw StoreError.closed(path)
        }
        let free = (try? read { transaction throws(StoreError) in try transaction.freeBytes }) ?? 0
        // To leave pages out LMDB has to follow every pointer, which a plain copy does not. Where opening has not checked
        // them it is worth that only for much.
        var status = MDB_INCOMPATIBLE
        if used <= options.structureCheckBytes || free > used / 4 {
            status = try transfer(
                to: CopyTarget(file, total: max(0, used - free), progress: progress), MDB_CP_COMPACT, stop)
        }
        if Self.isForPlainCopyOnly(status) {
            _ = unsafe unlink(file)
            status = try transfer(to: CopyTarget(file, total: used, progress: progress), 0, stop)
        }
        guard status == MDB_SUCCESS else { throw StoreError.status(status, "copying", path) }
    }

    /// Whether LMDB found that not every page is in use or free, or a pointer that leads nowhere. Such a store is copied as
    /// it is, so that what can be read of it can be read of the copy.
    private static func isForPlainCopyOnly(_ status: Int32) -> Bool {
        [MDB_INCOMPATIBLE, MDB_CORRUPTED, MDB_PAGE_NOTFOUND].contains(status)
    }

    /// LMDB writes the copy into a pipe, which tells how far it is and can be closed where the copy is to stop. Gives LMDB's
    /// status.
    private func transfer(
        to target: consuming CopyTarget, _ flags: Int32, _ stop: StopFlag
    ) throws(StoreError) -> Int32 {
        var ends: [Int32] = [0, 0]
        guard unsafe herd_pipe(&ends) == 0 else { throw StoreError.status(errno, "copying", path) }
        let (readEnd, writeEnd) = (ends[0], ends[1])
        let outcome = Monitor<Int32?>(nil)
        let thread: pthread_t
        do throws(StoreError) {
            thread = try BackgroundThread.start {
                let status = unsafe self.withHandle { environment in
                    unsafe mdb_env_copyfd2(environment, writeEnd, UInt32(flags))
                }
                outcome.withLock { outcome in outcome = status }
                _ = Glibc.close(writeEnd)
            }
        } catch {
            for end in ends { _ = Glibc.close(end) }
            throw error
        }
        let piped = Result { () throws(StoreError) in try Self.drain(readEnd, into: &target, stop) }
        // Once nobody reads, LMDB's next write fails and its thread ends.
        _ = Glibc.close(readEnd)
        pthread_join(thread, nil)
        try piped.get()
        guard let status = outcome.withLock({ outcome in outcome }) else { throw StoreError.closed(path) }
        if status == MDB_SUCCESS { try target.finish() }
        return status
    }

    private static func drain(
        _ pipe: Int32, into target: inout CopyTarget, _ stop: StopFlag
    ) throws(StoreError) {
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            try stop.check()
            let count = unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe Glibc.read(pipe, bytes.baseAddress, bytes.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw StoreError.status(errno, "copying to", target.path) }
            if count == 0 { return }
            try target.write(buffer[..<count])
        }
    }

    @unsafe private static func usedBytes(_ environment: OpaquePointer) -> Int {
        var information = unsafe MDB_envinfo()
        var pages = MDB_stat()
        guard unsafe mdb_env_info(environment, &information) == MDB_SUCCESS,
            unsafe mdb_env_stat(environment, &pages) == MDB_SUCCESS
        else { return 0 }
        return unsafe (information.me_last_pgno + 1) * Int(pages.ms_psize)
    }
}
