import CLMDB

/// A snapshot of the store, lent to the closure of `StoreEnvironment.read`.
@safe package struct ReadTransaction: ~Copyable, ReadableTransaction {
    package let view: TransactionView
    /// The environment that runs the closure keeps it alive.
    private unowned(unsafe) let pool: ReaderPool
    private let seat: Int

    init(_ view: TransactionView, seat: Int, from pool: ReaderPool) {
        self.view = view
        self.seat = seat
        unsafe self.pool = pool
    }

    deinit {
        unsafe pool.giveBack(view, seat: seat)
    }

    /// The bytes of the pages that wait to be used again.
    var freeBytes: Int {
        get throws(StoreError) {
            var environment = MDB_stat()
            let status = unsafe mdb_env_stat(mdb_txn_env(view.transaction), &environment)
            guard status == MDB_SUCCESS else { throw StoreError.status(status, "reading", view.directory.path) }
            let (bytes, overflow) = try view.freePages().multipliedReportingOverflow(by: Int(environment.ms_psize))
            return overflow ? .max : bytes
        }
    }
}
