/// The methods registered so far.
struct MethodRegistry {
    private var exact: [String: ServedMethod] = [:]
    private var prefixes: [String: ServedMethod] = [:]

    /// A method registered by its own path comes before one that is forwarded.
    mutating func add(_ method: ServedMethod) {
        exact[method.path] = method
    }

    mutating func addForwarded(_ known: [ServedMethod], rest: ServedMethod) {
        for method in known where exact[method.path] == nil { exact[method.path] = method }
        prefixes[rest.path] = rest
    }

    var all: [ServedMethod] {
        (Array(exact.values) + Array(prefixes.values)).sorted { $0.path < $1.path }
    }

    func table() -> MethodTable {
        MethodTable(exact: exact, prefixes: prefixes)
    }
}
