import CLMDB

/// A read transaction between two reads.
@safe private struct IdleReader {
    let pointer: OpaquePointer
}

/// The read transactions of an environment: reset ones wait here to be renewed, which costs 8 ns where a new one takes
/// a place in the lock file.
///
/// Safe to share: the transactions are reached under the monitor only, and `MDB_NOTLS` lets any thread use any of them.
@safe final class ReaderPool: @unchecked Sendable {
    private struct State {
        var idle: [IdleReader] = []
        var active = 0
        var closed = false
    }

    private enum Entry { case idle(IdleReader), new, closed }

    private let monitor = Monitor(State())
    private let environment: OpaquePointer
    private let directory: TableDirectory
    /// More idle transactions than processors can use at once are not worth their place.
    private static let maxIdle = 64

    /// - Parameter environment: stays open until `closeWhenIdle` returned.
    init(environment: OpaquePointer, directory: TableDirectory) {
        unsafe self.environment = environment
        self.directory = directory
    }

    /// A snapshot as of now, which returns itself when it goes out of scope.
    func lend() throws(StoreError) -> ReadTransaction {
        let entry: Entry = monitor.withLock { state in
            guard !state.closed else { return .closed }
            state.active += 1
            return state.idle.popLast().map(Entry.idle) ?? .new
        }
        do throws(StoreError) {
            let reader =
                switch entry {
                case .idle(let reader): try renew(reader)
                case .new: try begin()
                case .closed: throw StoreError.closed(directory.path)
                }
            let view = unsafe TransactionView(transaction: reader.pointer, directory: directory)
            return ReadTransaction(view, from: self)
        } catch {
            if error.code != .closed { leave() }
            throw error
        }
    }

    func giveBack(_ view: TransactionView) {
        let reader = unsafe IdleReader(pointer: view.transaction)
        unsafe mdb_txn_reset(reader.pointer)
        let isKept = monitor.withLock { state in
            guard !state.closed, state.idle.count < Self.maxIdle else { return false }
            state.idle.append(reader)
            state.active -= 1
            return true
        }
        if !isKept {
            unsafe mdb_txn_abort(reader.pointer)
            leave()
        }
    }

    /// Runs `body` with the environment held open; nil where it is closed.
    func withEnvironment<R>(_ body: (OpaquePointer) -> R) -> R? {
        let isOpen = monitor.withLock { state in
            if !state.closed { state.active += 1 }
            return !state.closed
        }
        guard isOpen else { return nil }
        defer { leave() }
        return unsafe body(environment)
    }

    var activeReaders: Int { monitor.withLock { state in state.active } }

    /// Refuses new reads, waits for those under way and ends the idle transactions.
    func closeWhenIdle() {
        let idle: [IdleReader] = monitor.await { state in
            state.closed = true
            guard state.active == 0 else { return .sleep(until: nil) }
            defer { state.idle = [] }
            return .proceed(state.idle)
        }
        for reader in idle { unsafe mdb_txn_abort(reader.pointer) }
    }

    private func leave() {
        let isLast = monitor.withLock { state in
            state.active -= 1
            return state.closed && state.active == 0
        }
        if isLast { monitor.signal() }
    }

    private func renew(_ reader: IdleReader) throws(StoreError) -> IdleReader {
        let status = unsafe mdb_txn_renew(reader.pointer)
        guard status == MDB_SUCCESS else {
            unsafe mdb_txn_abort(reader.pointer)
            throw StoreError.status(status, "reading", directory.path)
        }
        return reader
    }

    private func begin() throws(StoreError) -> IdleReader {
        var begun: OpaquePointer?
        let status = unsafe mdb_txn_begin(environment, nil, UInt32(MDB_RDONLY), &begun)
        guard status == MDB_SUCCESS, let begun = unsafe begun else {
            throw StoreError.status(status, "reading", directory.path)
        }
        return unsafe IdleReader(pointer: begun)
    }
}
