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

    private static func seconds(inStatus path: String) -> Double? {
        guard let text = contents(path), let end = text.lastIndex(of: ")") else { return nil }
        // proc(5): the name in parentheses may hold anything; after it come state and, as the 12th and 13th, the times.
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// How many processors this process may use.
    static var processors: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    private static func seconds(_ time: timeval) -> Double {
        Double(time.tv_sec) + Double(time.tv_usec) / 1e6
    }

    /// All of a small file; nil where it can't be read.
    static func contents(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0 { return nil }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk[..<count]
        }
    }
}
