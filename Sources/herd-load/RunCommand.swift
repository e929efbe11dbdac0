import ArgumentParser
import Glibc
import HerdLoad
import UnixSignals

struct RunCommand: AsyncParsableCommand {
    enum WorkloadName: String, ExpressibleByArgument, CaseIterable {
        case echo, route, complete, refine, probe

        /// `health` is the name that echo had at first.
        init?(argument: String) {
            self.init(rawValue: argument == "health" ? Self.echo.rawValue : argument)
        }
    }

    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Make requests and report (the default).",
        discussion: "Workloads, examples and exit codes: herd-load --help.")

    @Option(
        help: ArgumentHelp(
            "The servers, with commas between them; else those of HERD_ADDRESS, else 127.0.0.1:7601.",
            valueName: "address,..."))
    var server: String?
    @Option(help: "echo, route, complete, refine or probe.")
    var workload = WorkloadName.echo
    @Option(help: "Connections to open, at least one to each server. (default: one to each)")
    var connections: Int?
    @Option(help: "Closed loop: requests that each connection keeps open; a server answers 1024 of them at once.")
    var inFlight: Int?
    @Option(help: "Open loop: requests per second in all.")
    var rate: Double?
    @Option(help: "Open loop: constant or poisson. (default: constant)")
    var arrivals: ArrivalSchedule.Pattern?
    @Option(help: "Seconds that count. (default: 10, or as long as --requests take)")
    var seconds: Double?
    @Option(help: "Requests that count; ends before --seconds if both are given and these are made.")
    var requests: Int?
    @Option(help: "Seconds before them that do not.")
    var warmUp = 1.0
    @Option(help: "Seconds that one request may take.")
    var timeout = 10.0
    @Option(help: "A file with a prompt a line, or JSON lines with the key \"prompt\"; else a few built in.")
    var prompts: String?
    @Option(help: "Share of requests, 0 to 1, that ask a prompt of the file as it is; the others ask new ones.")
    var repeats = 1.0
    @Option(help: "The policy to route by; empty takes the default one.")
    var policy = ""
    @Option(
        help: ArgumentHelp(
            "A file whose first line is the token to show; else that of HERD_TOKEN_FILE, else HERD_TOKEN itself.",
            valueName: "file"))
    var tokenFile: String?
    @Option(help: "The tenant on whose behalf requests are made.")
    var tenant: String?
    @Option(help: "Complete, refine: the longest answer; 0 leaves it to the model's endpoint.")
    var maxTokens: UInt32 = 0
    @Option(help: "Refine: rounds of critique and rewriting, 0 to 5.")
    var rounds: UInt32 = 1
    @Option(help: "Probe: messages of a stream.")
    var messages: UInt64 = 100
    @Option(help: "Probe: bytes of a message.")
    var bytes: UInt32 = 1_024
    @Option(help: "Seed of prompts' order and Poisson arrivals.")
    var seed: UInt64 = 1
    @Option(help: "Threads that make the requests.")
    var threads = 1
    @Option(
        help: ArgumentHelp(
            "The servers' processes, for their processor time; those that listen on this machine are found without.",
            valueName: "pid,..."))
    var serverPid: String?
    @Flag(help: "Print JSON instead of a table.")
    var json = false
    @Option(help: "Also write the distribution of latencies here, as HdrHistogram does.")
    var hgrm: String?
    @Option(help: "Also draw latency by percentile here, as SVG.")
    var svg: String?

    func validate() throws {
        for (name, value) in [("--connections", connections ?? 1), ("--in-flight", inFlight ?? 1)] {
            guard (1...65_536).contains(value) else {
                throw ValidationError("\(name) must be 1 to 65536, not \(value)")
            }
        }
        for (name, value) in [("--seconds", seconds ?? 1), ("--timeout", timeout)] {
            guard value > 0, value <= 86_400 else {
                throw ValidationError("\(name) must be over 0 and at most 86400, not \(value)")
            }
        }
        guard warmUp >= 0, warmUp <= 3_600 else {
            throw ValidationError("--warm-up must be 0 to 3600 seconds, not \(warmUp)")
        }
        guard requests.map({ $0 > 0 }) ?? true else {
            throw ValidationError("--requests must be over 0, not \(requests ?? 0)")
        }
        guard (0...1).contains(repeats) else { throw ValidationError("--repeats must be 0 to 1, not \(repeats)") }
        guard (1...1_024).contains(threads) else {
            throw ValidationError("--threads must be 1 to 1024, not \(threads)")
        }
        guard rate == nil || inFlight == nil else {
            throw ValidationError("--rate makes an open loop and --in-flight a closed one; give one of them")
        }
        guard arrivals == nil || rate != nil else {
            throw ValidationError("--arrivals says when the requests of --rate begin; give a rate too")
        }
        guard rounds <= 5 else { throw ValidationError("--rounds must be 0 to 5, not \(rounds)") }
        _ = try processes
    }

    func run() async throws {
        do throws(LoadFailure) {
            var plan = plan
            plan.token = try token()
            let run = try LoadRun(plan, try chosenWorkload())
            // What can't be written is said before the work, not after.
            let (distribution, picture) = (try file(hgrm), try file(svg))
            let report = try await LiveRun.report(of: run)
            for warning in report.warnings { Terminal.tell("herd-load: \(warning)\n") }
            try distribution?.write(report.latencies.percentileText)
            try picture?.write(report.svg)
            try OutputFile.standard.write(json ? report.json : report.table)
            guard report.exitCode == 0 else { throw LoadFailure("", exitCode: report.exitCode) }
        } catch {
            // A report that says that nothing succeeded has said why.
            if !error.message.isEmpty { Terminal.tell("herd-load: \(error.message)\n") }
            throw ExitCode(error.exitCode)
        }
    }

    private func file(_ path: String?) throws(LoadFailure) -> OutputFile? {
        guard let path else { return nil }
        return try OutputFile(path)
    }

    private var processes: [Int32] {
        get throws {
            try serverPid?.split(separator: ",").map { text in
                guard let process = Int32(text), process > 0 else {
                    throw ValidationError("--server-pid must be numbers with commas between them, not '\(text)'")
                }
                return process
            } ?? []
        }
    }

    private var plan: LoadPlan {
        var plan = LoadPlan()
        let environment = getenv("HERD_ADDRESS").map { String(cString: $0) } ?? ""
        if let servers = server ?? (environment.isEmpty ? nil : environment) {
            plan.servers = servers.split(separator: ",").map(String.init)
        }
        plan.connections = connections ?? max(1, plan.servers.count)
        plan.pace = rate.map { .rate($0, arrivals ?? .constant) } ?? .inFlight(inFlight ?? 1)
        plan.duration = seconds.map { .seconds($0) } ?? (requests == nil ? .seconds(10) : nil)
        plan.requests = requests
        plan.warmUp = .seconds(warmUp)
        plan.timeout = .seconds(timeout)
        plan.threads = threads
        plan.seed = seed
        // Checked by `validate`.
        plan.serverProcesses = (try? processes) ?? []
        return plan
    }

    private func token() throws(LoadFailure) -> String {
        func value(_ name: String) -> String { getenv(name).map { String(cString: $0) } ?? "" }
        if tokenFile == nil, !value("HERD_TOKEN").isEmpty { return value("HERD_TOKEN") }
        let path = tokenFile ?? value("HERD_TOKEN_FILE")
        guard !path.isEmpty else { return "" }
        guard let file = fopen(path, "r") else {
            throw LoadFailure(
                "the token file '\(path)' can't be read: \(String(cString: strerror(errno)))", exitCode: 66)
        }
        defer { fclose(file) }
        var bytes = [CChar](repeating: 0, count: 4_096)
        guard fgets(&bytes, CInt(bytes.count), file) != nil else {
            throw LoadFailure("the token file '\(path)' is empty; write the token into it", exitCode: 66)
        }
        return String(decoding: bytes.prefix { $0 > 0x20 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func chosenWorkload() throws(LoadFailure) -> Workload {
        var chosen: Workload
        switch workload {
        case .echo: chosen = .echo
        case .probe: chosen = .probe(count: messages, bytes: bytes)
        case .route: chosen = .route(try promptSet(), policy: policy)
        case .complete: chosen = .complete(try promptSet(), policy: policy, maximumTokens: maxTokens)
        case .refine: chosen = .refine(try promptSet(), policy: policy, maximumTokens: maxTokens, rounds: rounds)
        }
        if let tenant { chosen.metadata["tenant"] = tenant }
        return chosen
    }

    private func promptSet() throws(LoadFailure) -> PromptSet {
        guard let prompts else { return PromptSet(Prompts.builtIn, repeats: repeats) }
        return PromptSet(try Prompts.read(prompts), repeats: repeats)
    }
}

extension ArrivalSchedule.Pattern: ExpressibleByArgument {}

/// A run with a line on the terminal, that Ctrl-C ends early.
enum LiveRun {
    static func report(of run: LoadRun) async throws(LoadFailure) -> LoadReport {
        let work = Task { () -> Result<LoadReport, LoadFailure> in
            do throws(LoadFailure) {
                return .success(try await run.run())
            } catch {
                return .failure(error)
            }
        }
        let signals = Task {
            for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { work.cancel() }
        }
        let line = Task {
            guard Terminal.isInteractive else { return }
            while !Task.isCancelled {
                try await Task.sleep(for: .milliseconds(500))
                if let progress = run.progress { Terminal.tell("\r\u{1B}[K\(progress.line)") }
            }
        }
        let report = await work.value
        signals.cancel()
        line.cancel()
        _ = await line.result
        if Terminal.isInteractive { Terminal.tell("\r\u{1B}[K") }
        return try report.get()
    }
}
