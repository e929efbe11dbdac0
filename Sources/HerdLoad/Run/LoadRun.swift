import HerdFrames
import struct NIOConcurrencyHelpers.NIOLockedValueBox
import Synchronization

/// Makes requests as a plan says and reports what came of them.
package final class LoadRun: Sendable {
    private let plan: LoadPlan
    private let workload: Workload
    private let addresses: [ServerAddress]
    private let control: RunControl
    private let snapshots: [NIOLockedValueBox<LoadTally>]

    /// - Throws: for an address that is none or can't be looked up, and a plan that makes no sense.
    package init(_ plan: LoadPlan, _ workload: Workload) throws(LoadFailure) {
        try plan.check()
        self.plan = plan
        self.workload = workload
        var addresses: [ServerAddress] = []
        for server in plan.servers { addresses.append(try ServerAddress(server)) }
        self.addresses = addresses
        let threads = min(plan.threads, plan.connections)
        control = RunControl(threads: threads)
        snapshots = (0..<threads).map { _ in NIOLockedValueBox(LoadTally()) }
    }

    /// Runs to the end of the plan, or until the task is cancelled, and reports what was counted. Once only.
    package func run() async throws(LoadFailure) -> LoadReport {
        let results: Result<[LoopResult], LoadFailure> = await withTaskCancellationHandler {
            let prepared = PreparedRequests(workload, timeout: plan.timeout, token: plan.token)
            return await withTaskGroup(of: Result<LoopResult, LoadFailure>.self) { group in
                for thread in snapshots.indices {
                    group.addTask { [control, snapshots, plan = loopPlan(of: thread)] in
                        do throws(LoadFailure) {
                            return .success(
                                try await LoopThread.run {
                                    LoadLoop(plan, prepared, control, snapshots[thread]).run()
                                })
                        } catch {
                            // The others would wait for it.
                            control.isCancelled.store(true, ordering: .relaxed)
                            return .failure(error)
                        }
                    }
                }
                var results: [LoopResult] = []
                var failure: LoadFailure?
                for await result in group {
                    switch result {
                    case .success(let result): results.append(result)
                    case .failure(let error): failure = error
                    }
                }
                return failure.map { .failure($0) } ?? .success(results)
            }
        } onCancel: {
            control.isCancelled.store(true, ordering: .relaxed)
        }
        return report(of: try results.get())
    }

    /// What was counted so far, for a progress line; nil during the warm-up. The figures are those of the last call.
    package var progress: LoadProgress? {
        control.looks.add(1, ordering: .relaxed)
        let begin = control.begin.load(ordering: .relaxed)
        let elapsed = MonotonicTime.now - begin - plan.warmUp.nanoseconds
        guard begin > 0, elapsed >= 0 else { return nil }
        let tally = snapshots.reduce(into: LoadTally()) { sum, snapshot in sum.add(snapshot.withLockedValue { $0 }) }
        return LoadProgress(
            elapsed: .nanoseconds(elapsed), planned: plan.duration, plannedRequests: plan.requests,
            requests: tally.latencies.count, failures: tally.failures.values.reduce(0) { $0 + $1.count },
            median: .nanoseconds(tally.latencies.percentile(0.5)), p99: .nanoseconds(tally.latencies.percentile(0.99)))
    }

    // MARK: - Threads

    /// Deals connections, requests and rate out evenly.
    private func loopPlan(of thread: Int) -> LoopPlan {
        let threads = snapshots.count
        let connections = (0..<plan.connections).filter { $0 % threads == thread }
        let share = Double(connections.count) / Double(plan.connections)
        let seed = plan.seed &+ UInt64(thread) &* 0x9E37_79B9
        let pace: LoopPlan.Pace =
            switch plan.pace {
            case .inFlight(let count): .inFlight(count)
            case .rate(let rate, let pattern):
                .schedule(
                    ArrivalSchedule(
                        pattern, rate: rate * share, offset: Double(thread) / Double(threads), seed: seed))
            }
        return LoopPlan(
            addresses: connections.map { addresses[$0 % addresses.count] }, pace: pace,
            requests: plan.requests.map { $0 / threads + (thread < $0 % threads ? 1 : 0) },
            warmUp: plan.warmUp.nanoseconds, duration: plan.duration?.nanoseconds, seed: seed,
            servers: thread == 0 ? ServerProcesses(of: addresses, given: plan.serverProcesses) : nil)
    }

    private func report(of results: [LoopResult]) -> LoadReport {
        let tally = results.reduce(into: LoadTally()) { $0.add($1.tally) }
        let ended = results.map(\.ended).max() ?? 0
        let countedFrom = results.compactMap(\.countedFrom).min() ?? ended
        // A request that failed at its deadline, long after the others, is no time that the others took.
        let last = tally.lastSuccess > 0 ? tally.lastSuccess : tally.lastEnd > 0 ? tally.lastEnd : ended
        return LoadReport(
            workload: workload.name, plan: plan, tally: tally, elapsed: Double(last - countedFrom) / 1e9,
            cpu: results.lazy.compactMap(\.cpu).first, busiestThread: results.map(\.busy).max() ?? 0,
            awake: results.reduce(0) { $0 + $1.awake },
            wasInterrupted: control.isCancelled.load(ordering: .relaxed))
    }
}

/// How far a run has come.
package struct LoadProgress: Sendable {
    package let elapsed: Duration
    let planned: Duration?
    let plannedRequests: Int?
    /// Successful ones.
    package let requests: Int
    package let failures: Int
    /// Latencies.
    let median: Duration
    let p99: Duration
}
