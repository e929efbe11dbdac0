import Glibc

/// Processor time that processes have used.
enum ProcessorTime {
    /// Of this process, in seconds.
    static func own() -> Double {
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    /// Of another process of this machine, in seconds to a hundredth; nil where there is none of that number.
    static func of(process: Int32) -> Double? { seconds(inStatus: "/proc/\(process)/stat") }

    /// Of each thread of this process, in seconds to a hundredth, by its number.
    static func ownThreads() -> [Int32: Double] {
        guard let folder = opendir("/proc/self/task") else { return [:] }
        defer { closedir(folder) }
        var times: [Int32: Double] = [:]
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let thread = Int32(name) else { continue }
            times[thread] = seconds(inStatus: "/proc/self/task/\(thread)/stat")
        }
        return times
    }

    private static func seconds(inStatus path: String) -> Double? {
        guard let text = contents(path), let end = text.lastIndex(of: ")") else { return nil }
        // proc(5): the name in parentheses may hold anything; after it come state and, as the 12th and 13th, the times.
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// What a process of this machine is called; nil where there is none of that number.
    static func name(of process: Int32) -> String? {
        contents("/proc/\(process)/comm").map { String($0.prefix { $0 != "\n" }) }
    }

    /// How many processors this process may use.
    static var processors: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    private static func seconds(_ time: timeval) -> Double {
        Double(time.tv_sec) + Double(time.tv_usec) / 1e6
    }

    private static func contents(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
