import HerdClient
import HerdFrames
import NIOConcurrencyHelpers

/// Makes requests in a closed loop: each connection keeps so many open, and a new one follows as soon as one is
/// answered. A server that stalls is so asked less often; the latencies are those of the requests that were made.
package final class LoadRun: Sendable {
    private let plan: LoadPlan
    private let workload: any Workload
    private let clients: [HerdClient]
    private let recorders: [LoadRecorder]
    private let phase = NIOLockedValueBox(Phase())
    /// A server that is away is not to be asked as fast as the machine can.
    private static let pauseAfterFailure = Duration.milliseconds(10)

    private struct Phase {
        var number = 0
        /// Requests that begin from then on count; nil during the warm-up.
        var start: ContinuousClock.Instant?
        var isOver = false
    }

    /// Of all connections together: each is a task, and memory.
    private static let mostInFlight = 262_144

    /// - Throws: for an address that is none, a plan without connections or with fewer than servers, and more requests in
    ///   flight than a connection or this program takes.
    package init(_ plan: LoadPlan, _ workload: any Workload) throws(LoadFailure) {
        guard plan.connections > 0, plan.inFlight > 0, plan.duration > .zero, !plan.servers.isEmpty else {
            throw LoadFailure(
                "connections, in-flight requests and seconds must be over 0, and a server be named", exitCode: 64)
        }
        guard plan.connections >= plan.servers.count else {
            throw LoadFailure(
                "\(plan.connections) connection(s) reach only as many of the \(plan.servers.count) servers; open at least "
                    + "one to each (--connections)", exitCode: 64)
        }
        let most = ClientConfiguration().maximumCallsPerConnection
        guard plan.inFlight <= most else {
            throw LoadFailure(
                "--in-flight \(plan.inFlight) is more than the \(most) requests that a connection takes; open more "
                    + "connections with fewer each", exitCode: 64)
        }
        let (inAll, overflow) = plan.connections.multipliedReportingOverflow(by: plan.inFlight)
        guard !overflow, inAll <= Self.mostInFlight else {
            throw LoadFailure(
                "\(plan.connections) connections x \(plan.inFlight) in flight are more than \(Self.mostInFlight) requests "
                    + "at once; lower --connections or --in-flight", exitCode: 64)
        }
        self.plan = plan
        self.workload = workload
        var configuration = ClientConfiguration()
        configuration.name = "herd-load"
        configuration.defaultTimeout = plan.timeout
        // What fails is to be seen, not mended.
        configuration.retryWindow = .zero
        configuration.maximumRetries = 0
        var clients: [HerdClient] = []
        for index in 0..<plan.connections {
            do throws(AddressError) {
                clients.append(
                    try HerdClient(
                        addresses: [plan.servers[index % plan.servers.count]], configuration: configuration))
            } catch {
                throw LoadFailure("\(error)", exitCode: 64)
            }
        }
        self.clients = clients
        recorders = clients.map { _ in LoadRecorder() }
    }

    deinit {
        for client in clients { client.close() }
    }

    /// Runs to the end of the plan, or until the task is cancelled, and reports what was counted.
    package func run() async -> LoadReport {
        let processes = await serverProcesses()
        let meter = NIOLockedValueBox(CPUMeter(servers: []))
        return await withTaskGroup(of: Void.self) { group in
            for (client, recorder) in zip(clients, recorders) {
                for _ in 0..<plan.inFlight { group.addTask { await self.repeatRequests(on: client, recorder) } }
            }
            // Cancelled sleeps end at once, and so does the run.
            try? await Task.sleep(for: plan.warmUp)
            meter.withLockedValue { $0 = CPUMeter(servers: processes) }
            let start = ContinuousClock.now
            phase.withLockedValue { $0.start = start }
            try? await Task.sleep(for: plan.duration)
            phase.withLockedValue { $0.isOver = true }
            let wasCancelled = Task.isCancelled
            // Requests that began in time are waited for, however slow, or the slowest would not count.
            await group.waitForAll()
            let end = ContinuousClock.now
            return report(from: start, to: end, meter.withLockedValue { $0 }, wasCancelled: wasCancelled)
        }
    }

    /// What was counted so far, for a progress line; nil during the warm-up.
    package var progress: LoadProgress? {
        guard let start = phase.withLockedValue({ $0.start }) else { return nil }
        let tally = total()
        return LoadProgress(
            elapsed: ContinuousClock.now - start, requests: tally.latencies.count,
            failures: tally.failures.values.reduce(0) { $0 + $1.count },
            median: .nanoseconds(tally.latencies.percentile(0.5)))
    }

    private func total() -> LoadTally {
        recorders.reduce(into: LoadTally()) { $0.add($1.current) }
    }

    // MARK: - Requests

    private func repeatRequests(on client: HerdClient, _ recorder: LoadRecorder) async {
        while let (number, counts) = next() {
            let start = ContinuousClock.now
            let result: Result<Transfer, CallError>
            do throws(CallError) {
                result = .success(try await workload.perform(number, on: client, timeout: plan.timeout))
            } catch {
                result = .failure(error)
            }
            let end = ContinuousClock.now
            if Task.isCancelled { return }
            if counts { recorder.record(start: start, end: end, result) }
            if case .failure = result { try? await Task.sleep(for: Self.pauseAfterFailure) }
        }
    }

    /// The number of the next request and whether it counts; nil at the end.
    private func next() -> (number: Int, counts: Bool)? {
        phase.withLockedValue { phase in
            guard !phase.isOver else { return nil }
            phase.number += 1
            return (phase.number - 1, phase.start != nil)
        }
    }

    // MARK: - The report

    private func serverProcesses() async -> [Int32] {
        if let process = plan.serverProcess { return [process] }
        var processes: Set<Int32> = []
        for (server, client) in zip(plan.servers, clients) {
            guard let process = await LocalServer.process(at: server, client) else { return [] }
            processes.insert(process)
        }
        return processes.sorted()
    }

    private func report(
        from start: ContinuousClock.Instant, to end: ContinuousClock.Instant, _ meter: CPUMeter, wasCancelled: Bool
    ) -> LoadReport {
        let tally = total()
        // What came after the last answer belongs to requests that were taken back.
        let elapsed = (wasCancelled ? end : tally.lastEnd ?? end) - start
        return LoadReport(
            workload: workload.name, plan: plan, tally: tally, elapsed: elapsed / .seconds(1),
            cpu: meter.used(), wasInterrupted: wasCancelled)
    }
}

/// How far a run has come.
package struct LoadProgress: Sendable {
    package let elapsed: Duration
    /// Successful ones.
    package let requests: Int
    package let failures: Int
    /// Latency.
    package let median: Duration
}
