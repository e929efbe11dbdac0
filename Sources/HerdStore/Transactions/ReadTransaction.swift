import CLMDB

/// A snapshot of the store, lent to the closure of `StoreEnvironment.read`.
@safe package struct ReadTransaction: ~Copyable, ReadableTransaction {
    package let view: TransactionView
    /// The environment that runs the closure keeps it alive.
    private unowned(unsafe) let pool: ReaderPool

    init(_ view: TransactionView, from pool: ReaderPool) {
        self.view = view
        unsafe self.pool = pool
    }

    deinit {
        unsafe pool.giveBack(view)
    }
}
