import Glibc

/// A run of `herdd` for work on stores that no service has open: a badly damaged file may end it, and only it, with a
/// signal.
struct DaemonProgram {
    enum End: Equatable {
        case exited(Int32)
        case signalled(Int32)

        /// Whether the process ended in a way that only reading damaged memory explains.
        var isCrash: Bool {
            guard case .signalled(let signal) = self else { return false }
            return [SIGBUS, SIGSEGV, SIGILL, SIGTRAP, SIGABRT, SIGFPE].contains(signal)
        }
    }

    let arguments: [String]

    /// Runs it to its end; what it prints goes where this process prints, its progress to a bar on a terminal.
    func run() throws(CommandFailure) -> End {
        let isTerminal = StandardError.isTerminal
        var ends: [Int32] = [-1, -1]
        if isTerminal {
            guard pipe(&ends) == 0 else { throw Self.failure("start", errno) }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        }
        let program = Self.besideThis() ?? "herdd"
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if isTerminal { posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO) }
        var words = ([program] + arguments + (isTerminal ? ["--progress"] : [])).map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var process = pid_t()
        // The thread that runs this may block signals, which the child would inherit.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let status = posix_spawnp(&process, program, &actions, &attributes, words, environ)
        if isTerminal { close(ends[1]) }
        guard status == 0 else {
            if isTerminal { close(ends[0]) }
            throw Self.failure("start", status)
        }
        if isTerminal {
            Self.show(ends[0])
            close(ends[0])
        }
        var result: Int32 = 0
        while waitpid(process, &result, 0) < 0 {
            guard errno == EINTR else { throw Self.failure("wait for", errno) }
        }
        let signal = result & 0x7F
        return signal == 0 ? .exited(result >> 8 & 0xFF) : .signalled(signal)
    }

    /// Turns lines "progress DONE TOTAL LABEL" into a bar and passes everything else on, until the pipe ends.
    private static func show(_ descriptor: Int32) {
        var bar = ProgressLine()
        var pending: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            pending += buffer[..<count]
            while let newline = pending.firstIndex(of: 10) {
                let line = String(decoding: pending[..<newline], as: UTF8.self)
                pending.removeSubrange(...newline)
                let words = line.split(separator: " ", maxSplits: 3)
                if words.count == 4, words[0] == "progress", let done = Double(words[1]), let total = Double(words[2]) {
                    bar.update(String(words[3]), share: total > 0 ? done / total : 1)
                } else {
                    bar.finish()
                    StandardError.print(line)
                }
            }
        }
        bar.finish()
        if !pending.isEmpty { StandardError.write(String(decoding: pending, as: UTF8.self)) }
    }

    /// The program in this one's own folder, where both are installed together.
    private static func besideThis() -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0, count < buffer.count else { return nil }
        let own = String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
        guard let slash = own.lastIndex(of: "/") else { return nil }
        let program = own[...slash] + "herdd"
        return access(String(program), X_OK) == 0 ? String(program) : nil
    }

    private static func failure(_ doing: String, _ reason: Int32) -> CommandFailure {
        CommandFailure(
            "can't \(doing) herdd, which does the work: \(String(cString: strerror(reason))); "
                + "install it beside herdctl or in a folder of PATH",
            exitCode: 69)
    }
}
