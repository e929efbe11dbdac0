import CPrecisePoll
import Glibc
import HerdFrames
import struct NIOConcurrencyHelpers.NIOLockedValueBox
import Synchronization

/// What the threads of a run and its owner tell each other.
final class RunControl: Sendable {
    /// When the first request begins; 0 while connections are being made.
    let begin = Atomic<Int64>(0)
    let isCancelled = Atomic<Bool>(false)
    /// Counts up when a look at the figures is wanted.
    let looks = Atomic<Int>(0)
    private let unsettled: Atomic<Int>

    init(threads: Int) { unsettled = Atomic(threads) }

    /// Tells that a thread has its connections; the last one starts the clock.
    func settle() {
        guard unsettled.subtract(1, ordering: .sequentiallyConsistent).newValue == 0 else { return }
        begin.store(MonotonicTime.now, ordering: .sequentiallyConsistent)
    }
}

/// What one thread of a run is to do.
struct LoopPlan: Sendable {
    /// Of each connection.
    var addresses: [ServerAddress]
    var pace: Pace
    /// How many requests count; nil for as many as there is time for.
    var requests: Int?
    var warmUp: Int64
    var duration: Int64?
    var seed: UInt64
    /// Whose processor time the thread takes; nil where another does.
    var servers: ServerProcesses?

    enum Pace: Sendable {
        case inFlight(Int)
        case schedule(ArrivalSchedule)
    }
}

/// What one thread of a run came to.
struct LoopResult: Sendable {
    var tally: LoadTally
    /// When requests began to count; nil where the run ended before.
    var countedFrom: Int64?
    /// When all was answered.
    var ended: Int64
    /// Share of a processor that the thread kept busy with requests and answers.
    var busy: Double
    /// Share of a processor that it spent awake for the next request's moment to come.
    var awake: Double
    var cpu: CPUMeter.Used?
}

/// One thread that makes requests on its connections: waits for sockets and for the next request's moment, whichever
/// comes first, with the precision of the kernel's timers.
final class LoadLoop {
    /// A server that is away or refuses is not to be asked as fast as the machine can.
    private static let pauseAfterFailure: Int64 = 10_000_000
    private static let longestWait: Int64 = 100_000_000
    /// Requests of an open loop that begin before sockets are looked at again.
    private static let mostAtOnce = 1_024
    /// How late the kernel may wake a thread.
    private static let wakeTime: Int64 = 60_000

    private let plan: LoopPlan
    private let control: RunControl
    private let snapshot: NIOLockedValueBox<LoadTally>
    private let tally = LoopTally()
    private let connections: [LoadConnection]
    private var paused: [Int]
    private var resumptions = ResumptionQueue()
    private var looksServed = 0
    /// Time spent awake, waiting.
    private var awake: Int64 = 0

    private var countFrom = Int64.max
    private var end = Int64.max
    private var schedule: ArrivalSchedule?
    /// So long before the next request's moment it is waited for awake. Not where that took all the thread's time, which
    /// the scheduler would take back from it, or the only processor.
    private var wakeTime: Int64 = 0
    private var nextArrival = Int64.max
    private var nextConnection = 0
    /// Of an open loop, requests that one connection keeps.
    private let backlog: Int
    private let expiryPeriod: Int64
    private var nextExpiry = Int64.max

    private var sockets: [pollfd] = []
    private var owners: [Int] = []

    init(
        _ plan: LoopPlan, _ prepared: PreparedRequests, _ control: RunControl, _ snapshot: NIOLockedValueBox<LoadTally>
    ) {
        (self.plan, self.control, self.snapshot) = (plan, control, snapshot)
        let tally = tally
        connections = plan.addresses.enumerated().map { index, address in
            LoadConnection(address, prepared, seed: plan.seed &+ UInt64(index) &* 7_919, tally)
        }
        paused = connections.map { _ in 0 }
        backlog = max(LoadPlan.serverCalls, LoadPlan.mostInAll / max(1, connections.count))
        expiryPeriod = min(Self.longestWait, max(1_000_000, prepared.timeout.nanoseconds / 10))
    }

    /// Makes requests until the plan is done or the run cancelled.
    func run() -> LoopResult {
        precise_poll_prepare_thread()
        settle()
        start(at: control.begin.load(ordering: .sequentiallyConsistent))
        var measured: (threadTime: Int64, awake: Int64, from: Int64, meter: CPUMeter?)?
        while !control.isCancelled.load(ordering: .relaxed) {
            let now = MonotonicTime.now
            if measured == nil, now >= countFrom {
                measured = (MonotonicTime.ofThread, awake, now, plan.servers.map { CPUMeter($0) })
            }
            beginDue(at: now)
            flush(at: now)
            publishIfAsked()
            if isDone(at: now) { break }
            wait(until: nextEvent(after: now))
        }
        let ended = MonotonicTime.now
        let shares = measured.map { start in
            let (elapsed, awake) = (Double(max(1, ended - start.from)), Double(awake - start.awake))
            // Awake the thread may have been without a processor.
            let used = Double(MonotonicTime.ofThread - start.threadTime)
            return (busy: max(0, used - awake) / elapsed, awake: min(used, awake) / elapsed)
        }
        return LoopResult(
            tally: tally.total, countedFrom: measured == nil ? nil : countFrom, ended: ended, busy: shares?.busy ?? 0,
            awake: shares?.awake ?? 0, cpu: measured?.meter?.used())
    }

    // MARK: - Phases

    /// Connects; that is not to count as time of the first requests.
    private func settle() {
        var isSettled = false
        while !control.isCancelled.load(ordering: .relaxed) {
            let now = MonotonicTime.now
            for connection in connections { connection.tick(at: now) }
            flush(at: now)
            if !isSettled, connections.allSatisfy(\.isSettled) {
                isSettled = true
                control.settle()
            }
            guard control.begin.load(ordering: .sequentiallyConsistent) == 0 else { return }
            wait(until: now + 1_000_000)
        }
    }

    private func start(at begin: Int64) {
        countFrom = begin + plan.warmUp
        end = plan.duration.map { countFrom + $0 } ?? .max
        tally.end = end
        nextExpiry = begin + expiryPeriod
        switch plan.pace {
        case .inFlight:
            for index in connections.indices { fill(index, at: begin) }
        case .schedule(var schedule):
            nextArrival = begin + schedule.next()
            self.schedule = schedule
            if ProcessorTime.processors > 1, schedule.meanPause > Double(Self.wakeTime) { wakeTime = Self.wakeTime }
        }
    }

    private func mayBegin(at time: Int64) -> Bool {
        time < end && (plan.requests.map { tally.total.begun < $0 } ?? true)
    }

    private func isDone(at now: Int64) -> Bool {
        !mayBegin(at: schedule == nil ? now : nextArrival) && connections.allSatisfy { $0.outstanding == 0 }
    }

    private func publishIfAsked() {
        let looks = control.looks.load(ordering: .relaxed)
        guard looks != looksServed else { return }
        looksServed = looks
        let total = tally.total
        snapshot.withLockedValue { $0 = total }
    }

    // MARK: - Requests

    private func beginDue(at now: Int64) {
        for index in resumptions.due(at: now) {
            paused[index] -= 1
            fill(index, at: now)
        }
        beginArrivals(at: now)
        if now >= nextExpiry {
            nextExpiry = now + expiryPeriod
            for connection in connections { connection.expire(at: now) }
            for index in connections.indices { fill(index, at: now) }
        }
        for connection in connections { connection.tick(at: now) }
    }

    /// Of an open loop, begins what is due; of much that is overdue a part, so that answers are taken between.
    private func beginArrivals(at now: Int64) {
        var left = Self.mostAtOnce
        while left > 0, nextArrival <= now, mayBegin(at: nextArrival) {
            left -= 1
            let request = request(at: nextArrival)
            if request.counts { tally.total.pacing.record(nanoseconds: now - nextArrival) }
            let connection = connections[nextConnection]
            if connection.outstanding < backlog {
                connection.begin(request, at: now)
            } else {
                tally.fail(
                    request, .resourceExhausted,
                    "\(backlog) requests waited for the connection already; lower --rate or open more --connections",
                    at: now)
            }
            nextConnection = (nextConnection + 1) % connections.count
            advanceSchedule()
        }
    }

    private func advanceSchedule() {
        guard var schedule else { return }
        nextArrival = control.begin.load(ordering: .relaxed) + schedule.next()
        self.schedule = schedule
    }

    private func request(at time: Int64) -> LoadRequest {
        let counts = time >= countFrom
        if counts { tally.total.begun += 1 }
        return LoadRequest(begin: time, counts: counts)
    }

    /// Of a closed loop, begins what a connection has room for. A place whose request failed stays empty for a while.
    private func fill(_ index: Int, at now: Int64) {
        guard case .inFlight(let count) = plan.pace else { return }
        let connection = connections[index]
        if connection.failures > 0 {
            paused[index] += connection.failures
            resumptions.append(index, count: connection.failures, at: now + Self.pauseAfterFailure)
            connection.failures = 0
        }
        while connection.outstanding + paused[index] < count, mayBegin(at: now) {
            connection.begin(request(at: now), at: now)
        }
    }

    // MARK: - Sockets

    private func flush(at now: Int64) {
        for connection in connections { connection.flush(at: now) }
    }

    private func nextEvent(after now: Int64) -> Int64 {
        var next = min(now + Self.longestWait, nextExpiry)
        if schedule != nil, mayBegin(at: nextArrival) { next = min(next, nextArrival) }
        if let resumption = resumptions.next { next = min(next, resumption) }
        if now < countFrom { next = min(next, countFrom) }
        for connection in connections { next = min(next, connection.nextTick) }
        return next
    }

    private func wait(until deadline: Int64) {
        sockets.removeAll(keepingCapacity: true)
        owners.removeAll(keepingCapacity: true)
        for (index, connection) in connections.enumerated() {
            guard let interest = connection.interest else { continue }
            sockets.append(interest)
            owners.append(index)
        }
        let waitsAwake = wakeTime > 0 && deadline == nextArrival
        let pause = deadline - (waitsAwake ? wakeTime : 0) - MonotonicTime.now
        var ready = precise_poll(&sockets, nfds_t(sockets.count), pause)
        var now = MonotonicTime.now
        if waitsAwake, ready == 0, now < deadline {
            let start = now
            repeat {
                ready = precise_poll(&sockets, nfds_t(sockets.count), 0)
                now = MonotonicTime.now
            } while ready == 0 && now < deadline
            awake += now - start
        }
        guard ready > 0 else { return }
        for (place, socket) in sockets.enumerated() where socket.revents != 0 {
            connections[owners[place]].handle(socket.revents, at: now)
            fill(owners[place], at: now)
        }
    }
}

/// Places of closed loops that stay empty after a failure, by when they are filled again.
private struct ResumptionQueue {
    private var entries: [(index: Int, time: Int64)] = []

    var next: Int64? { entries.first?.time }

    /// - Parameter time: not before that of those before.
    mutating func append(_ index: Int, count: Int, at time: Int64) {
        entries += repeatElement((index: index, time: time), count: count)
    }

    mutating func due(at now: Int64) -> [Int] {
        guard let next, next <= now else { return [] }
        let due = entries.prefix { $0.time <= now }.map(\.index)
        entries.removeFirst(due.count)
        return due
    }
}
