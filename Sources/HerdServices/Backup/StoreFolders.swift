import Glibc
import HerdStore

/// The stores of a folder: itself, or each folder in it that holds one, as in `DIR/router` and `DIR/scorer`.
struct StoreFolders {
    let path: String
    /// Paths, sorted.
    let stores: [String]
    /// Whether the folder itself is the store.
    let isSingle: Bool

    /// - Throws: `MaintenanceFailure` where there is none.
    init(_ path: String) throws(MaintenanceFailure) {
        var path = path
        while path.utf8.count > 1, path.hasSuffix("/") { path.removeLast() }
        self.path = path
        if StoreVerification.isStore(path) {
            (stores, isSingle) = ([path], true)
            return
        }
        guard let entries = Self.entries(of: path) else {
            throw MaintenanceFailure(
                "the folder '\(path)' can't be read: \(String(cString: strerror(errno)))", EX_NOINPUT)
        }
        // What a copy that was cut short left is no store yet.
        let names = entries.filter { !$0.hasSuffix(".incomplete") }
        stores = names.map { name in
            name == "router" ? RouterFolder.of("\(path)/\(name)") : "\(path)/\(name)"
        }.filter { StoreVerification.isStore($0) }
        isSingle = false
        guard !stores.isEmpty else {
            throw MaintenanceFailure(
                "there is no store in '\(path)'; name a store's folder, or one that holds router/, scorer/ and refiner/",
                EX_NOINPUT)
        }
    }

    /// The name of a store's folder: "router".
    static func name(of store: String) -> String {
        store.split(separator: "/").last.map(String.init) ?? store
    }

    /// Sorted, without `.` and `..`; nil with `errno` set where the folder can't be read.
    static func entries(of path: String) -> [String]? {
        guard let folder = opendir(path) else { return nil }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}

/// Why a check or a restoration could not be done, with its exit code (sysexits.h).
struct MaintenanceFailure: Error {
    let message: String
    let exitCode: Int32

    init(_ message: String, _ exitCode: Int32) {
        self.message = message
        self.exitCode = exitCode
    }

    init(_ error: StoreError) {
        message = error.message
        exitCode =
            switch error.code {
            case .alreadyOpen: EX_TEMPFAIL
            case .missing: EX_NOINPUT
            case .alreadyExists: EX_CANTCREAT
            case .damaged, .dataLoss: EX_DATAERR
            case .notWritable: EX_NOPERM
            default: EX_IOERR
            }
    }
}
