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

    /// Has calls kept, of the methods that are there by now.
    mutating func keepCalls(by audit: any AuditRecorder) {
        exact = exact.mapValues { audit.records($0.path) ? $0.kept(by: audit) : $0 }
        prefixes = prefixes.mapValues { audit.records($0.path) ? $0.kept(by: audit) : $0 }
    }

    var all: [ServedMethod] {
        (Array(exact.values) + Array(prefixes.values)).sorted { $0.path < $1.path }
    }

    /// Each caller's methods, by what its roles allow.
    ///
    /// - Parameter roles: The roles of which a method's caller needs one; nil for a server where everybody may do
    ///   everything.
    func tables(_ roles: ((_ path: String) -> Roles)?) -> MethodTables {
        let all = MethodTable(exact: exact, prefixes: prefixes)
        guard let roles else { return MethodTables(all: all, byRoles: []) }
        let byRoles = (0...Roles.all.rawValue).map { number in
            let held = Roles(rawValue: number)
            return MethodTable(
                exact: exact.filter { !roles($0.key).isDisjoint(with: held) },
                prefixes: prefixes.filter { !roles($0.key).isDisjoint(with: held) })
        }
        return MethodTables(all: all, byRoles: byRoles)
    }
}
