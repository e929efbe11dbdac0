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
        let signals = ForwardedSignals()
        defer { signals.stop() }
        // Only with a bar to draw and to wipe must anything pass through here.
        guard StandardError.isTerminal else {
            let process = try start(arguments, output: nil, errors: nil)
            signals.forward(to: process)
            return try wait(for: process)
        }
        let (output, errors) = (try ChildPipe(), try ChildPipe())
        let process = try start(arguments[..<1] + ["--progress"] + arguments[1...], output: output, errors: errors)
        signals.forward(to: process)
        output.closeWriteEnd()
        errors.closeWriteEnd()
        let text = Self.show(output, errors)
        let end = try wait(for: process)
        if !text.isEmpty { try StandardOutput.write(String(decoding: text, as: UTF8.self)) }
        return end
    }

    private func start(
        _ arguments: [String], output: ChildPipe?, errors: ChildPipe?
    ) throws(CommandFailure) -> pid_t {
        let program = Self.besideThis() ?? "herdd"
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let output { posix_spawn_file_actions_adddup2(&actions, output.writeEnd, STDOUT_FILENO) }
        if let errors { posix_spawn_file_actions_adddup2(&actions, errors.writeEnd, STDERR_FILENO) }
        // The thread that runs this may block signals, which the child would inherit.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var words = ([program] + arguments).map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var process = pid_t()
        let status = posix_spawnp(&process, program, &actions, &attributes, words, environ)
        guard status == 0 else { throw Self.failure("start", status) }
        return process
    }

    private func wait(for process: pid_t) throws(CommandFailure) -> End {
        var result: Int32 = 0
        while waitpid(process, &result, 0) < 0 {
            guard errno == EINTR else { throw Self.failure("wait for", errno) }
        }
        let signal = result & 0x7F
        return signal == 0 ? .exited(result >> 8 & 0xFF) : .signalled(signal)
    }

    /// Turns lines "progress DONE TOTAL LABEL" into a bar and passes other complaints on, until the child closes both; gives
    /// what it printed, which belongs below a bar that is gone.
    private static func show(_ output: ChildPipe, _ errors: ChildPipe) -> [UInt8] {
        var bar = ProgressLine()
        var printed: [UInt8] = []
        var pending: [UInt8] = []
        var open = [
            pollfd(fd: output.readEnd, events: Int16(POLLIN), revents: 0),
            pollfd(fd: errors.readEnd, events: Int16(POLLIN), revents: 0),
        ]
        while open.contains(where: { $0.fd >= 0 }) {
            guard poll(&open, nfds_t(open.count), -1) >= 0 || errno == EINTR else { break }
            for index in open.indices where open[index].fd >= 0 && open[index].revents != 0 {
                guard let bytes = ChildPipe.read(open[index].fd) else {
                    // A negative descriptor is passed over.
                    open[index].fd = -1
                    continue
                }
                if index == 0 {
                    printed += bytes
                    continue
                }
                pending += bytes
                while let newline = pending.firstIndex(of: 10) {
                    let line = String(decoding: pending[..<newline], as: UTF8.self)
                    pending.removeSubrange(...newline)
                    tell(line, &bar)
                }
            }
        }
        bar.finish()
        if !pending.isEmpty { StandardError.write(String(decoding: pending, as: UTF8.self)) }
        return printed
    }

    private static func tell(_ line: String, _ bar: inout ProgressLine) {
        let words = line.split(separator: " ", maxSplits: 3)
        if words.count == 4, words[0] == "progress", let done = Double(words[1]), let total = Double(words[2]) {
            bar.update(String(words[3]), share: total > 0 ? done / total : 1)
        } else {
            bar.finish()
            StandardError.print(line)
        }
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

    static func failure(_ doing: String, _ reason: Int32) -> CommandFailure {
        CommandFailure(
            "can't \(doing) herdd, which does the work: \(String(cString: strerror(reason))); "
                + "install it beside herdctl or in a folder of PATH",
            exitCode: 69)
    }
}

/// A pipe from a child process.
private final class ChildPipe {
    let readEnd: Int32
    private(set) var writeEnd: Int32

    init() throws(CommandFailure) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw DaemonProgram.failure("start", errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (readEnd, writeEnd) = (ends[0], ends[1])
    }

    deinit {
        close(readEnd)
        closeWriteEnd()
    }

    func closeWriteEnd() {
        if writeEnd >= 0 { close(writeEnd) }
        writeEnd = -1
    }

    /// What is there to read; nil at the end.
    static func read(_ descriptor: Int32) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            return count > 0 ? Array(buffer[..<count]) : nil
        }
    }
}
