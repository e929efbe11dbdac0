import Glibc
import HerdJSON
import HerdStore

/// `herdd verify` and `herdd restore`: work on stores that no service has open, in a process of its own, which a badly
/// damaged file may end with a signal.
package struct StoreMaintenance {
    /// Print one JSON object instead of lines for people.
    private let json: Bool
    /// Write lines `progress DONE TOTAL LABEL` to standard error, for a program that draws a bar.
    private let showsProgress: Bool

    package init(json: Bool, showsProgress: Bool) {
        self.json = json
        self.showsProgress = showsProgress
    }

    /// Checks a store, or every store in a folder, and prints what it found.
    ///
    /// - Returns: 0 where all is well, 65 for damage, 66 where there is no store, 75 for one in use, 74 or 77 for a disk
    ///   that can't be read.
    package func verify(_ path: String) -> Int32 {
        finishing { () throws(MaintenanceFailure) in
            let reports = try check(StoreFolders(path))
            let isSound = reports.allSatisfy(\.isSound)
            if json {
                write(
                    JSONNode.object([
                        ("sound", .bool(isSound)), ("stores", .array(reports.map { Self.node(of: $0) })),
                    ]).text() + "\n", to: STDOUT_FILENO)
            } else {
                for report in reports { write(Self.text(of: report), to: STDOUT_FILENO) }
            }
            return isSound ? 0 : EX_DATAERR
        }
    }

    /// Checks a backup and copies it to where a service will find it.
    ///
    /// - Parameters:
    ///   - backup: a store, or a folder of stores.
    ///   - target: the store's, or the stores' folder to be; missing or empty.
    ///   - keepsDamaged: restores what has damaged records too; they stay as they are. A file that is damaged as a whole
    ///     is never restored.
    /// - Returns: as `verify`, and 64 for a target without a name, 73 for a target that holds something.
    package func restore(_ backup: String, to target: String, keepsDamaged: Bool) -> Int32 {
        finishing { () throws(MaintenanceFailure) in
            guard !target.isEmpty else {
                throw MaintenanceFailure("the data folder's name is empty; name the folder to restore to", EX_USAGE)
            }
            let folders = try StoreFolders(backup)
            // Before the work, and again when it is done.
            try checkVacant(target)
            let reports = try check(folders)
            for report in reports where !report.isSound { write(Self.text(of: report), to: STDERR_FILENO) }
            guard reports.allSatisfy({ $0.structureProblem == nil }) else {
                throw MaintenanceFailure("the backup '\(backup)' is damaged, so nothing was restored", EX_DATAERR)
            }
            guard keepsDamaged || reports.allSatisfy(\.isSound) else {
                throw MaintenanceFailure(
                    "records of the backup '\(backup)' are damaged, so nothing was restored; restore another backup, or "
                        + "everything but these with --keep-damaged", EX_DATAERR)
            }
            try copy(folders, to: target)
            if json {
                let stores = zip(folders.stores, reports).map { store, report in
                    JSONNode.object([
                        ("path", .string(folders.isSingle ? target : "\(target)/\(StoreFolders.name(of: store))")),
                        ("kind", .string(report.kind)), ("entries", .number(report.entries)),
                        ("file_bytes", .number(report.fileBytes)), ("damaged_records", .number(report.damagedRecords)),
                    ])
                }
                write(JSONNode.object([("restored", .array(stores))]).text() + "\n", to: STDOUT_FILENO)
            } else {
                let entries = reports.reduce(0) { $0 + $1.entries }
                write(
                    "\(target): \(folders.stores.count) store(s), \(entries) records restored\n", to: STDOUT_FILENO)
            }
            return 0
        }
    }

    // MARK: - The work

    private func check(_ folders: StoreFolders) throws(MaintenanceFailure) -> [StoreReport] {
        var reports: [StoreReport] = []
        for store in folders.stores {
            let name = StoreFolders.name(of: store)
            do throws(StoreError) {
                reports.append(
                    try StoreVerification.run(
                        store, check: { RecordChecks.problem(table: $0, key: $1, value: $2) },
                        progress: { report("checking \(name)", $0, $1) }))
            } catch {
                throw MaintenanceFailure(error)
            }
        }
        return reports
    }

    /// All are copied before the first gets its name.
    private func copy(_ folders: StoreFolders, to target: String) throws(MaintenanceFailure) {
        do throws(StoreError) {
            try copy(folders.stores[...], folders, to: target)
        } catch {
            throw MaintenanceFailure(error)
        }
    }

    private func copy(
        _ stores: ArraySlice<String>, _ folders: StoreFolders, to target: String
    ) throws(StoreError) {
        guard let store = stores.first else { return }
        let name = StoreFolders.name(of: store)
        let pending = try StoreRestoration.copy(store, to: folders.isSingle ? target : "\(target)/\(name)") { step in
            report("copying \(name)", step.done, step.total)
        }
        do throws(StoreError) {
            try copy(stores.dropFirst(), folders, to: target)
        } catch {
            pending.discard()
            throw error
        }
        try pending.finish()
    }

    /// Leftovers of an earlier try do not count: it is made anew.
    private func checkVacant(_ target: String) throws(MaintenanceFailure) {
        guard let entries = StoreFolders.entries(of: target) else {
            guard errno != ENOENT else { return }
            throw MaintenanceFailure("'\(target)' can't be read: \(String(cString: strerror(errno)))", EX_CANTCREAT)
        }
        let others = entries.filter { !$0.hasSuffix(".incomplete") && $0 != "lost+found" }
        guard others.isEmpty else {
            throw MaintenanceFailure(
                "'\(target)' holds \(others[0]) already; stop the herd that uses it, move it away, or name another folder",
                EX_CANTCREAT)
        }
    }

    // MARK: - Telling

    private func finishing(_ body: () throws(MaintenanceFailure) -> Int32) -> Int32 {
        do throws(MaintenanceFailure) {
            return try body()
        } catch {
            write("herdd: \(error.message)\n", to: STDERR_FILENO)
            return error.exitCode
        }
    }

    private func report(_ label: String, _ done: Int, _ total: Int) {
        if showsProgress { write("progress \(done) \(total) \(label)\n", to: STDERR_FILENO) }
    }

    private func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var offset = 0
            while offset < bytes.count, let base = bytes.baseAddress {
                let count = Glibc.write(descriptor, base + offset, bytes.count - offset)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                offset += count
            }
        }
    }
}
