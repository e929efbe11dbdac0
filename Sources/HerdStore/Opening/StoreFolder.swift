/// What can be told of a store's folder without opening the store.
package enum StoreFolder {
    /// Whether this or another process has the store in this folder open now; false where there is none.
    package static func isOpen(_ path: String) -> Bool {
        do throws(StoreError) {
            try FolderLock(existing: path).release()
            return false
        } catch {
            return error.code == .alreadyOpen
        }
    }
}
