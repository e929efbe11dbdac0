/// Processor time from a moment on.
struct CPUMeter: Sendable {
    private let ownAtStart = ProcessorTime.own()
    private let serversAtStart: [Int32: Double]
    private let start = MonotonicTime.now

    /// What was used since the start.
    struct Used: Sendable {
        /// Processors that this program kept busy on average.
        var ownProcessors: Double
        /// Processors that all servers kept busy; nil as `serverSeconds`.
        var serverProcessors: Double?
        /// Seconds of all servers; nil where they are not of this machine, or one has ended.
        var serverSeconds: Double?
    }

    init(_ servers: ServerProcesses) {
        var times: [Int32: Double] = [:]
        for server in servers.numbers { times[server] = ProcessorTime.of(process: server) }
        serversAtStart = times
    }

    func used() -> Used {
        let elapsed = max(1e-9, Double(MonotonicTime.now - start) / 1e9)
        var seconds: Double? = serversAtStart.isEmpty ? nil : 0
        for (server, before) in serversAtStart {
            seconds = ProcessorTime.of(process: server).flatMap { now in seconds.map { $0 + now - before } }
        }
        return Used(
            ownProcessors: (ProcessorTime.own() - ownAtStart) / elapsed, serverProcessors: seconds.map { $0 / elapsed },
            serverSeconds: seconds)
    }
}
