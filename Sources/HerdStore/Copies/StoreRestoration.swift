import Glibc

/// Copies a store that nobody has open to a new place, whole or not at all.
package enum StoreRestoration {
    /// A copy that is made and on the disk but has not its name yet.
    package struct Pending: ~Copyable {
        private let folder: PartialFolder

        fileprivate init(_ folder: consuming PartialFolder) {
            self.folder = folder
        }

        /// Gives it its name, durably.
        package consuming func finish() throws(StoreError) {
            try folder.finish()
        }

        /// Removes it.
        package consuming func discard() {
            folder.discard()
        }
    }

    /// - Parameters:
    ///   - source: the folder of the store; it is not changed.
    ///   - target: missing, or empty.
    ///   - progress: about every 16 MiB.
    /// - Throws: `missing`, `alreadyExists`, `alreadyOpen` where either is in use, `notWritable`, `diskFull`.
    package static func copy(
        _ source: String, to target: String, progress: @escaping (CopyProgress) -> Void
    ) throws(StoreError) -> Pending {
        let lock = try VisitorLock(source)
        let partial = try PartialFolder(target)
        do throws(StoreError) {
            try copyFile(source + "/data.mdb", to: partial.path + "/data.mdb", progress)
            try synchroniseFolder(partial.path)
        } catch {
            partial.discard()
            throw error
        }
        lock.release()
        return Pending(partial)
    }

    private static func copyFile(
        _ source: String, to target: String, _ progress: @escaping (CopyProgress) -> Void
    ) throws(StoreError) {
        guard let file = try DataFile.open(source) else {
            throw StoreError(.missing, "there is no store in \(source)")
        }
        var copy = try CopyTarget(target, total: file.byteCount, progress: progress)
        var offset = 0
        while offset < file.byteCount {
            let count = min(1 << 20, file.byteCount - offset)
            guard let bytes = try file.read(at: offset, count: count) else {
                throw StoreError(.damaged, "\(source) was cut short while it was copied")
            }
            try copy.write(bytes[...])
            offset += count
        }
        try copy.finish()
    }
}
