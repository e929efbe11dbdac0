import Glibc

/// What the system knows of this process, under the names that all of Prometheus's own clients use.
package enum ProcessMetrics {
    package static func write(to writer: inout MetricsWriter) {
        if let usage = processorSeconds {
            writer.counter("process_cpu_seconds_total", "Processor time, of users and system, in seconds.", usage)
        }
        let pages = Double(sysconf(Int32(_SC_PAGESIZE)))
        let sizes = text(of: "/proc/self/statm").split(separator: " ")
        if sizes.count > 1, let virtual = Double(sizes[0]), let resident = Double(sizes[1]) {
            writer.gauge("process_virtual_memory_bytes", "Size of the address space in bytes.", virtual * pages)
            writer.gauge("process_resident_memory_bytes", "Memory that is resident, in bytes.", resident * pages)
        }
        if let files = openFiles { writer.gauge("process_open_fds", "File descriptors that are open.", Double(files)) }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            writer.gauge("process_max_fds", "File descriptors that may be open.", Double(limit.rlim_cur))
        }
        if let start {
            writer.gauge("process_start_time_seconds", "When it was started, in seconds since 1970.", start)
        }
    }

    private static var processorSeconds: Double? {
        var usage = rusage()
        guard getrusage(RUSAGE_SELF.rawValue, &usage) == 0 else { return nil }
        return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    }

    private static var openFiles: Int? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        // Without itself, its parent, and the one that reads it.
        var count = -3
        while readdir(folder) != nil { count += 1 }
        return count
    }

    /// Its clock ticks since the boot, field 22 of stat(5), and the time of that. Never changes.
    private static let start: Double? = {
        // The name in the second field may hold anything but is in parentheses.
        let stat = text(of: "/proc/self/stat")
        guard let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        let boot = text(of: "/proc/stat").split(separator: "\n").first { $0.hasPrefix("btime ") }?.dropFirst(6)
        guard fields.count > 19, let ticks = Double(fields[19]), let boot = boot.flatMap({ Double($0) }) else {
            return nil
        }
        return boot + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }()

    private static func text(of path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
