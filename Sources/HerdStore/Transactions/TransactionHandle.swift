import CLMDB

/// The owner of an LMDB write transaction, which is aborted unless it was committed.
@safe struct TransactionHandle: ~Copyable {
    let pointer: OpaquePointer

    /// Begins a write transaction, inside `parent` where there is one.
    init(_ environment: OpaquePointer, parent: OpaquePointer? = nil, path: String) throws(StoreError) {
        var begun: OpaquePointer?
        let status = unsafe mdb_txn_begin(environment, parent, 0, &begun)
        guard status == MDB_SUCCESS, let begun = unsafe begun else {
            throw StoreError.status(status, "writing", path)
        }
        unsafe pointer = begun
    }

    /// Begins a reading transaction.
    init(reading environment: OpaquePointer, path: String) throws(StoreError) {
        var begun: OpaquePointer?
        let status = unsafe mdb_txn_begin(environment, nil, UInt32(MDB_RDONLY), &begun)
        guard status == MDB_SUCCESS, let begun = unsafe begun else {
            throw StoreError.status(status, "reading", path)
        }
        unsafe pointer = begun
    }

    deinit {
        unsafe mdb_txn_abort(pointer)
    }

    /// Makes the changes part of the parent or, without one, durable. Gives LMDB's status.
    consuming func commit() -> Int32 {
        let pointer = unsafe pointer
        discard self
        return unsafe mdb_txn_commit(pointer)
    }
}

extension TransactionView {
    init(_ handle: borrowing TransactionHandle, _ directory: TableDirectory) {
        unsafe self.init(transaction: handle.pointer, directory: directory)
    }
}
