import Glibc

/// How many files this process may have open, RLIMIT_NOFILE.
enum OpenFileLimit {
    /// What stores, listeners, event loops and the rest of the process need besides connections.
    private static let reserve = 128

    /// Raises the limit, as far as the system lets it, so that `connections` fit in; how many do.
    static func raised(to connections: Int) -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return connections }
        let needed = rlim_t(connections + reserve)
        if limit.rlim_cur < needed {
            var raised = limit
            raised.rlim_cur = min(needed, limit.rlim_max)
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 { limit = raised }
        }
        return max(1, Int(clamping: limit.rlim_cur) - reserve)
    }
}
