import CLMDB

/// A snapshot of the store, lent to the closure of `StoreEnvironment.read`.
package struct ReadTransaction: ~Copyable, ReadableTransaction {
    package let view: TransactionView
    private let pool: ReaderPool

    init(_ view: TransactionView, from pool: ReaderPool) {
        self.view = view
        self.pool = pool
    }

    deinit {
        pool.giveBack(view)
    }
}
