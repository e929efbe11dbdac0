import Glibc
import Yams

/// The keys of a configuration file, to tell a misspelt one from one that is not set.
struct ConfigurationFile {
    let path: String

    /// - Throws: `ConfigurationError` naming the first key that is none, and the nearest that is one.
    func check(known: Set<String>) throws(ConfigurationError) {
        guard let stray = keys().first(where: { !known.contains($0) }) else { return }
        let near = known.min { (Self.distance($0, stray), $0) < (Self.distance($1, stray), $1) } ?? ""
        throw ConfigurationError(
            "the configuration file '\(path)' has the unknown key '\(stray)'; is '\(near)' meant? Config/herdd.yaml "
                + "shows every key")
    }

    /// Every key with its sections, `router.listen`; lists are values. None for a file that can't be read: whoever reads
    /// its values says so.
    private func keys() -> [String] {
        guard let file = fopen(path, "rb") else { return [] }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        guard let root = (try? Yams.compose(yaml: String(decoding: bytes, as: UTF8.self))) ?? nil else { return [] }
        return Self.keys(of: root, under: "")
    }

    private static func keys(of node: Node, under prefix: String) -> [String] {
        guard case .mapping(let mapping) = node else { return prefix.isEmpty ? [] : [prefix] }
        return mapping.flatMap { key, value in
            let name = key.string ?? "?"
            return keys(of: value, under: prefix.isEmpty ? name : "\(prefix).\(name)")
        }
    }

    /// Levenshtein's edit distance.
    private static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right.utf8)
        var row = Array(0...right.count)
        for (index, byte) in left.utf8.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let replaced = diagonal + (right[column] == byte ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
