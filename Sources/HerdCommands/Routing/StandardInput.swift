import Glibc

enum StandardInput {
    static func readAll(atMost limit: Int) -> [UInt8] {
        readAll(from: STDIN_FILENO, atMost: limit) ?? []
    }

    /// Nil where reading fails; errno says why.
    static func readAll(from descriptor: Int32, atMost limit: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while bytes.count < limit {
            let count = read(descriptor, &chunk, min(chunk.count, limit - bytes.count))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return bytes
    }
}
