import Glibc
import Yams

/// The keys of a configuration file, to tell a misspelt one from one that is not set.
struct ConfigurationFile {
    let path: String

    /// - Throws: `ConfigurationError` naming the first key that is none, and the nearest that is one.
    func check(known: Set<String>) throws(ConfigurationError) {
        let strays = keys().filter { key, isNull in
            // A section with nothing in it, as every key of it is commented out.
            !known.contains(key) && !(isNull && known.contains { $0.hasPrefix(key + ".") })
        }
        guard let stray = strays.first?.key else { return }
        let near = known.min { (Self.distance($0, stray), $0) < (Self.distance($1, stray), $1) } ?? ""
        throw ConfigurationError(
            "the configuration file '\(path)' has the unknown key '\(stray)'; is '\(near)' meant? Config/herdd.yaml "
                + "shows every key")
    }

    /// Every key, list entry and value, those behind aliases each time they are named.
    private static let mostValues = 10_000

    /// That the file is one of a configuration's size, however little it takes to write more: a few lines of aliases of
    /// aliases stand for as many values as there are stars.
    ///
    /// - Throws: `ConfigurationError` naming the file.
    func checkSize() throws(ConfigurationError) {
        guard let bytes = bytes(), let root = (try? Yams.compose(yaml: String(decoding: bytes, as: UTF8.self))) ?? nil
        else { return }
        var left = Self.mostValues
        guard Self.count(root, &left) else {
            throw ConfigurationError(
                "the configuration file '\(path)' holds over \(Self.mostValues) values, aliases (*name) counted as what "
                    + "they stand for; write fewer")
        }
    }

    /// False where there are more than are left.
    private static func count(_ node: Node, _ left: inout Int) -> Bool {
        left -= 1
        guard left >= 0 else { return false }
        switch node {
        case .mapping(let mapping): return mapping.allSatisfy { count($0.key, &left) && count($0.value, &left) }
        case .sequence(let sequence): return sequence.allSatisfy { count($0, &left) }
        default: return true
        }
    }

    /// Whether the file holds nothing but comments.
    var isEmpty: Bool {
        guard let bytes = bytes(), let text = String(validating: bytes, as: UTF8.self) else { return false }
        do {
            guard let root = try Yams.compose(yaml: text) else { return true }
            return Self.isNull(root)
        } catch {
            return false
        }
    }

    /// Every key with its sections, `router.listen`, and whether it has no value; lists are values. None for a file that
    /// can't be read: whoever reads its values says so.
    private func keys() -> [(key: String, isNull: Bool)] {
        guard let bytes = bytes(), let root = (try? Yams.compose(yaml: String(decoding: bytes, as: UTF8.self))) ?? nil
        else { return [] }
        return Self.keys(of: root, under: "")
    }

    func bytes() -> [UInt8]? {
        guard let file = fopen(path, "rb") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return bytes
    }

    /// By YAML's core schema; in quotes it is a string.
    private static func isNull(_ node: Node) -> Bool {
        guard case .scalar(let scalar) = node, scalar.style == .plain || scalar.style == .any else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    private static func keys(of node: Node, under prefix: String) -> [(key: String, isNull: Bool)] {
        guard case .mapping(let mapping) = node else { return prefix.isEmpty ? [] : [(prefix, isNull(node))] }
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
