import Glibc

/// Finds the files that Herd is installed with.
package enum ResourceLocator {
    /// The embedding table, below a folder of resources.
    package static let embeddingTable = "embedding/minilm-l6-v2-256.table"

    /// The path of a resource, by default the embedding table.
    ///
    /// Where HERD_RESOURCES is set, it is taken from that folder and no other, even if it is not there, so that opening it
    /// names the wrong setting. Otherwise the first that can be read of `Resources` (a checkout) and `share/herd` (an
    /// installation) in the folders above the running executable, nearest first; nil where there is none.
    package static func locate(_ resource: String = embeddingTable) -> String? {
        locate(resource, setting: getenv("HERD_RESOURCES").map { String(cString: $0) }, executable: executablePath())
    }

    /// The same for a given value of HERD_RESOURCES and path of the executable.
    package static func locate(_ resource: String, setting: String?, executable: String?) -> String? {
        if let setting, !setting.isEmpty { return "\(setting)/\(resource)" }
        var folder = Substring(executable ?? "")
        while let slash = folder.lastIndex(of: "/") {
            folder = folder[..<slash]
            for name in ["Resources", "share/herd"] {
                let path = "\(folder)/\(name)/\(resource)"
                if access(path, R_OK) == 0 { return path }
            }
        }
        return nil
    }

    /// The path of the running program; nil where it can't be told.
    package static func executablePath() -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { buffer in
            guard let start = buffer.baseAddress else { return nil }
            let length = readlink("/proc/self/exe", start, buffer.count)
            // A path that fills the buffer may have been cut.
            guard 0..<buffer.count ~= length else { return nil }
            return String(
                decoding: UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: buffer[..<length])), as: UTF8.self)
        }
    }
}
