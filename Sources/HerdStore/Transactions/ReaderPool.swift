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
        /// When each read under way began; 0 for a seat that is free.
        var begun: [UInt64] = []
        var freeSeats: [Int] = []

        mutating func enter(_ now: UInt64) -> Int {
            active += 1
            guard let seat = freeSeats.popLast() else {
                begun.append(now)
                return begun.count - 1
            }
            begun[seat] = now
            return seat
        }

        mutating func leave(_ seat: Int) {
            active -= 1
            begun[seat] = 0
            freeSeats.append(seat)
        }
    }

    private enum Entry { case idle(IdleReader, seat: Int), new(seat: Int), closed }

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
        let now = coarseNanoseconds()
        let entry: Entry = monitor.withLock { state in
            guard !state.closed else { return .closed }
            let seat = state.enter(now)
            return state.idle.popLast().map { reader in .idle(reader, seat: seat) } ?? .new(seat: seat)
        }
        do throws(StoreError) {
            let (reader, taken): (IdleReader, Int)
            switch entry {
            case .idle(let idle, let seat):
                (reader, taken) = (try renew(idle), seat)
            case .new(let seat):
                (reader, taken) = (try begin(), seat)
            case .closed:
                throw StoreError.closed(directory.path)
            }
            let view = unsafe TransactionView(transaction: reader.pointer, directory: directory)
            return ReadTransaction(view, seat: taken, from: self)
        } catch {
            switch entry {
            case .idle(_, let seat), .new(let seat): leave(seat)
            case .closed: break
            }
            throw error
        }
    }

    func giveBack(_ view: TransactionView, seat: Int) {
        let reader = unsafe IdleReader(pointer: view.transaction)
        unsafe mdb_txn_reset(reader.pointer)
        let isKept = monitor.withLock { state in
            guard !state.closed, state.idle.count < Self.maxIdle else { return false }
            state.idle.append(reader)
            state.leave(seat)
            return true
        }
        if !isKept {
            unsafe mdb_txn_abort(reader.pointer)
            leave(seat)
        }
    }

    /// Runs `body` with the environment held open; nil where it is closed.
    func withEnvironment<R>(_ body: (OpaquePointer) -> R) -> R? {
        let now = coarseNanoseconds()
        let seat: Int? = monitor.withLock { state in state.closed ? nil : state.enter(now) }
        guard let seat else { return nil }
        defer { leave(seat) }
        return unsafe body(environment)
    }

    /// How many reads are under way, and for how many nanoseconds the oldest has been.
    var activity: (readers: Int, oldestNanoseconds: UInt64) {
        let now = coarseNanoseconds()
        return monitor.withLock { state in
            let oldest = state.begun.filter { begun in begun > 0 }.min() ?? now
            return (state.active, now > oldest ? now - oldest : 0)
        }
    }

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

    private func leave(_ seat: Int) {
        let isLast = monitor.withLock { state in
            state.leave(seat)
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
