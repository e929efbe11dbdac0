import Glibc

/// The processes of this machine that listen at addresses.
struct ServerProcesses: Sendable {
    /// Empty where a server is elsewhere, or may not be looked at.
    let numbers: [Int32]

    /// - Parameter given: taken instead, if there are any.
    init(of addresses: [ServerAddress], given: [Int32]) {
        if !given.isEmpty {
            numbers = given
            return
        }
        var found: Set<Int32> = []
        for address in addresses {
            guard let process = Self.process(at: address) else {
                numbers = []
                return
            }
            found.insert(process)
        }
        numbers = found.sorted()
    }

    private static func process(at address: ServerAddress) -> Int32? {
        for candidate in address.candidates where candidate.isLocal {
            let inodes = candidate.path.map { unixListeners(at: $0) } ?? networkListeners(at: candidate.port)
            if let process = inodes.isEmpty ? nil : owner(of: inodes) { return process }
        }
        return nil
    }

    /// Sockets that listen on a port, by proc(5): the second column is the local address, the fourth the state (0A is
    /// LISTEN), the tenth the inode.
    private static func networkListeners(at port: UInt16) -> Set<String> {
        let digits = String(port, radix: 16, uppercase: true)
        let suffix = ":" + String(repeating: "0", count: 4 - digits.count) + digits
        var inodes: Set<String> = []
        for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
            for line in lines(of: table).dropFirst() {
                let columns = line.split(separator: " ")
                guard columns.count > 9, columns[1].hasSuffix(suffix), columns[3] == "0A" else { continue }
                inodes.insert(String(columns[9]))
            }
        }
        return inodes
    }

    /// The sixth column is the state (01 of a listening socket), the seventh the inode, the eighth the path.
    private static func unixListeners(at path: String) -> Set<String> {
        var inodes: Set<String> = []
        for line in lines(of: "/proc/net/unix").dropFirst() {
            let columns = line.split(separator: " ", maxSplits: 7)
            guard columns.count > 7, columns[7] == path, columns[5] == "01" else { continue }
            inodes.insert(String(columns[6]))
        }
        return inodes
    }

    /// The first process that has one of the sockets open.
    private static func owner(of inodes: Set<String>) -> Int32? {
        let names = Set(inodes.map { "socket:[\($0)]" })
        return entries(of: "/proc").compactMap { Int32($0) }.sorted().first { process in
            let folder = "/proc/\(process)/fd"
            return entries(of: folder).contains { entry in
                target(of: "\(folder)/\(entry)").map { names.contains($0) } ?? false
            }
        }
    }

    private static func entries(of path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        return names
    }

    private static func target(of link: String) -> String? {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = bytes.withUnsafeMutableBytes { buffer in
            buffer.baseAddress.map { readlink(link, $0.assumingMemoryBound(to: CChar.self), buffer.count) } ?? -1
        }
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }

    private static func lines(of path: String) -> [Substring] {
        ProcessorTime.contents(path)?.split(separator: "\n") ?? []
    }
}
