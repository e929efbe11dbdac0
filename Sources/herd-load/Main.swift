import ArgumentParser
import Glibc
import HerdLoad
import UnixSignals

@main
struct Main: AsyncParsableCommand {
    enum WorkloadName: String, ExpressibleByArgument, CaseIterable {
        case health, probe, route
    }

    static let configuration = CommandConfiguration(
        commandName: "herd-load", abstract: "Make as many requests as a herd answers, and say how it took them.",
        discussion: """
            Each connection keeps the given number of requests in flight: a new one follows as soon as one is answered.
            Latencies are of the requests that succeeded. Ctrl-C ends early and reports what was counted so far.

            WORKLOADS
              health  Admin/Health, what a call costs that does nothing
              probe   Admin/Probe, a stream of --count messages of --bytes bytes for each request
              route   Router/Route with the prompts of --prompts in turns, or a few built in

            EXAMPLES
              herd-load --workload health --connections 16 --in-flight 64 --seconds 10
              herd-load --workload route --prompts evaluations.jsonl --json
              herd-load --workload probe --count 1000 --bytes 65536

            EXIT CODES
              0 some requests succeeded; 64 wrong usage; 65 bad prompts; 66 no such file; 69 no request succeeded;
              74 input or output error
            """,
        version: HerdLoadVersion.text)

    @Option(
        help: ArgumentHelp(
            "The servers, with commas between them; else those of HERD_ADDRESS, else 127.0.0.1:7601.",
            valueName: "address,..."))
    var server: String?
    @Option(help: "health, probe or route.")
    var workload = WorkloadName.health
    @Option(help: "Connections to open, at least one to each server. (default: one to each)")
    var connections: Int?
    @Option(help: "Requests that each connection keeps open, 1 to 16384; a server answers 1024 of them at once.")
    var inFlight = 1
    @Option(help: "Seconds that count.")
    var seconds = 10.0
    @Option(help: "Seconds before them that do not.")
    var warmUp = 1.0
    @Option(help: "Seconds that one request may take.")
    var timeout = 10.0
    @Option(help: "Route: a file with a prompt a line, or JSON lines with the key \"prompt\".")
    var prompts: String?
    @Option(help: "Probe: messages of a stream.")
    var count: UInt64 = 100
    @Option(help: "Probe: bytes of a message.")
    var bytes: UInt32 = 1_024
    @Option(help: "The server's process, for its processor time; a local server's is found without.")
    var serverPid: Int32?
    @Flag(help: "Print JSON instead of a table.")
    var json = false

    func validate() throws {
        for (name, value) in [("--connections", connections ?? 1), ("--in-flight", inFlight)] {
            guard (1...65_536).contains(value) else {
                throw ValidationError("\(name) must be 1 to 65536, not \(value)")
            }
        }
        for (name, value) in [("--seconds", seconds), ("--timeout", timeout)] {
            guard value > 0, value <= 86_400 else {
                throw ValidationError("\(name) must be over 0 and at most 86400, not \(value)")
            }
        }
        guard warmUp >= 0, warmUp <= 3_600 else {
            throw ValidationError("--warm-up must be 0 to 3600 seconds, not \(warmUp)")
        }
    }

    func run() async throws {
        let report: LoadReport
        do {
            let run = try LoadRun(plan, try chosenWorkload())
            report = try await LiveRun.report(of: run, duration: plan.duration)
        } catch let failure as LoadFailure {
            LiveRun.tell("herd-load: \(failure.message)\n")
            throw ExitCode(failure.exitCode)
        }
        for warning in report.warnings { LiveRun.tell("herd-load: \(warning)\n") }
        do {
            try LiveRun.write(json ? report.json : report.table)
        } catch {
            LiveRun.tell("herd-load: \(error.message)\n")
            throw ExitCode(error.exitCode)
        }
        guard report.exitCode == 0 else { throw ExitCode(report.exitCode) }
    }

    private var plan: LoadPlan {
        var plan = LoadPlan()
        let environment = getenv("HERD_ADDRESS").map { String(cString: $0) } ?? ""
        if let servers = server ?? (environment.isEmpty ? nil : environment) {
            plan.servers = servers.split(separator: ",").map(String.init)
        }
        plan.connections = connections ?? max(1, plan.servers.count)
        plan.inFlight = inFlight
        plan.duration = .seconds(seconds)
        plan.warmUp = .seconds(warmUp)
        plan.timeout = .seconds(timeout)
        plan.serverProcess = serverPid
        return plan
    }

    private func chosenWorkload() throws(LoadFailure) -> any Workload {
        switch workload {
        case .health: HealthWorkload()
        case .probe: ProbeWorkload(count: count, bytes: bytes)
        case .route:
            RouteWorkload(
                prompts: try prompts.map { path throws(LoadFailure) in try Prompts.read(path) } ?? Prompts.builtIn)
        }
    }
}

/// A run with a line on the terminal, that Ctrl-C ends early.
enum LiveRun {
    static func report(of run: LoadRun, duration: Duration) async throws -> LoadReport {
        let work = Task { await run.run() }
        let signals = Task {
            for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { work.cancel() }
        }
        let line = Task {
            guard isatty(STDERR_FILENO) == 1 else { return }
            while !Task.isCancelled {
                try await Task.sleep(for: .milliseconds(500))
                if let progress = run.progress { tell("\r\u{1B}[K\(progress.line(of: duration))") }
            }
        }
        let report = await work.value
        signals.cancel()
        line.cancel()
        _ = await line.result
        if isatty(STDERR_FILENO) == 1 { tell("\r\u{1B}[K") }
        return report
    }

    /// Writes to standard output, or fails: a script must not take half a report for one.
    static func write(_ text: String) throws(LoadFailure) {
        var text = text
        let isWritten = text.withUTF8 { bytes in
            var offset = 0
            while offset < bytes.count, let base = bytes.baseAddress {
                let count = Glibc.write(STDOUT_FILENO, base + offset, bytes.count - offset)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                offset += count
            }
            return true
        }
        guard isWritten else { throw unwritable() }
    }

    /// By `errno`.
    static func unwritable() -> LoadFailure {
        LoadFailure("standard output can't be written: \(String(cString: strerror(errno)))", exitCode: 74)
    }

    static func tell(_ text: String) {
        var text = text
        _ = text.withUTF8 { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
