/// The methods of a server, found by the bytes of their paths: looking one up makes no `String`.
struct MethodTable: Sendable {
    /// Every method that has counters, in the order of their paths.
    let methods: [ServedMethod]
    private let slots: [Slot?]
    private let prefixes: [Slot]

    private struct Slot: Sendable {
        let path: [UInt8]
        let method: ServedMethod

        func matches(_ bytes: UnsafeRawBufferPointer) -> Bool {
            path.count == bytes.count && path.withUnsafeBytes { $0.elementsEqual(bytes) }
        }
    }

    /// - Parameters:
    ///   - exact: By path.
    ///   - prefixes: What takes the paths that begin so and are in no other list.
    init(exact: [String: ServedMethod], prefixes: [String: ServedMethod]) {
        methods = (Array(exact.values) + Array(prefixes.values)).sorted { $0.path < $1.path }
        var size = 16
        // At most a quarter full, so that a probe or two find everything.
        while size < exact.count * 4 { size *= 2 }
        var slots = [Slot?](repeating: nil, count: size)
        for (path, method) in exact {
            let slot = Slot(path: Array(path.utf8), method: method)
            var index = slot.path.withUnsafeBytes { Self.hash($0) } & (size - 1)
            while slots[index] != nil { index = (index + 1) & (size - 1) }
            slots[index] = slot
        }
        self.slots = slots
        self.prefixes = prefixes.map { Slot(path: Array($0.key.utf8), method: $0.value) }
    }

    static let empty = MethodTable(exact: [:], prefixes: [:])

    /// The method of that path, or the one that takes its prefix.
    func method(at path: UnsafeRawBufferPointer) -> ServedMethod? {
        var index = Self.hash(path) & (slots.count - 1)
        while let slot = slots[index] {
            if slot.matches(path) { return slot.method }
            index = (index + 1) & (slots.count - 1)
        }
        return prefixes.first { path.starts(with: $0.path) }?.method
    }

    /// FNV-1a over the last 16 bytes and the length: the paths of one server differ there.
    private static func hash(_ bytes: UnsafeRawBufferPointer) -> Int {
        var hash: UInt32 = 2_166_136_261 ^ UInt32(truncatingIfNeeded: bytes.count)
        for index in max(0, bytes.count - 16)..<bytes.count {
            hash = (hash ^ UInt32(bytes[index])) &* 16_777_619
        }
        return Int(hash >> 7)
    }
}

/// The methods of a server, as a whole and for each set of roles: what a caller may not call is not in its table.
struct MethodTables: Sendable {
    let all: MethodTable
    /// In the order of the sets' numbers; empty where everybody may call everything.
    let byRoles: [MethodTable]

    func table(for roles: Roles) -> MethodTable {
        byRoles.isEmpty ? all : byRoles[Int(roles.intersection(.all).rawValue)]
    }
}
