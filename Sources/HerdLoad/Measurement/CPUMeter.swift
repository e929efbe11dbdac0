/// Processor time from a moment on.
struct CPUMeter: Sendable {
    private let ownAtStart = ProcessorTime.own()
    private let threadsAtStart = ProcessorTime.ownThreads()
    private let serversAtStart: [Int32: Double]
    private let start = ContinuousClock.now

    /// What was used since the start.
    struct Used: Sendable {
        /// Processors that this program kept busy on average.
        var ownProcessors: Double
        /// Share of one processor that the busiest of its threads kept busy.
        var busiestThread: Double
        /// Processors that all servers kept busy; nil as `serverSeconds`.
        var serverProcessors: Double?
        /// Seconds of all servers; nil where they are not of this machine, or one has ended.
        var serverSeconds: Double?
    }

    init(servers: [Int32]) {
        var times: [Int32: Double] = [:]
        for server in servers { times[server] = ProcessorTime.of(process: server) }
        serversAtStart = times
    }

    func used() -> Used {
        let elapsed = max(1e-9, (ContinuousClock.now - start) / .seconds(1))
        var seconds: Double? = serversAtStart.isEmpty ? nil : 0
        for (server, before) in serversAtStart {
            seconds = ProcessorTime.of(process: server).flatMap { now in seconds.map { $0 + now - before } }
        }
        let threads = ProcessorTime.ownThreads().map { thread, now in now - (threadsAtStart[thread] ?? 0) }
        return Used(
            ownProcessors: (ProcessorTime.own() - ownAtStart) / elapsed, busiestThread: (threads.max() ?? 0) / elapsed,
            serverProcessors: seconds.map { $0 / elapsed }, serverSeconds: seconds)
    }
}
