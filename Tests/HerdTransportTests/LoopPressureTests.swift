import HerdTransport
import NIOCore
import Synchronization
import Testing

/// Who is served by a loop that more is asked of than it can do; all times are made up.
@Suite struct LoopPressureTests {
    @Test func `a loop that keeps up sheds nothing`() {
        var loop = SimulatedLoop()
        loop.callers = [.init(rate: 15_000), .init(rate: 12_000)]
        loop.run(for: .seconds(2))
        #expect(loop.shed == 0)
        #expect(!loop.pressure.isShedding)
    }

    @Test func `a burst is worked off`() {
        var loop = SimulatedLoop()
        // 45 ms of work at once, again and again.
        loop.callers = [.init(rate: 5_000, burst: 1_500)]
        loop.run(for: .seconds(3))
        #expect(loop.shed == 0)
    }

    @Test(arguments: [1, 2, 16, 100])
    func `of three times what it can do it does nearly as much as it can, and that soon`(callers: Int) {
        var loop = SimulatedLoop()
        loop.callers = .init(repeating: .init(rate: 100_000 / Double(callers)), count: callers)
        loop.run(for: .milliseconds(500))
        loop.forget()
        loop.run(for: .seconds(4))
        #expect(loop.pressure.isShedding)
        // 33,333 a second, without reading, writing and shedding.
        #expect(loop.goodput > 24_000, "\(loop.goodput)")
        #expect(loop.p99 < .milliseconds(callers > 16 ? 20 : 8), "\(loop.p99)")
        let answered = loop.callers.map(\.answered)
        #expect(Double(answered.max()!) < 1.2 * Double(answered.min()!), "\(answered)")
    }

    @Test func `trying whether shedding is needed does not make calls wait for long`() {
        var loop = SimulatedLoop()
        loop.callers = .init(repeating: .init(rate: 6_000), count: 16)
        loop.run(for: .milliseconds(500))
        loop.forget()
        // Three tries.
        loop.run(for: .seconds(40))
        #expect(loop.pressure.isShedding)
        #expect(loop.longestDelay < .milliseconds(45), "\(loop.longestDelay)")
    }

    @Test func `who asks for little gets it whole`() {
        var loop = SimulatedLoop()
        loop.callers = [.init(rate: 2_000), .init(rate: 40_000), .init(rate: 80_000), .init(rate: 300)]
        loop.run(for: .milliseconds(500))
        loop.forget()
        loop.run(for: .seconds(4))
        let (small, large, largest, least) = (loop.callers[0], loop.callers[1], loop.callers[2], loop.callers[3])
        #expect(Double(small.answered) > 0.97 * Double(small.answered + small.shed))
        #expect(Double(least.answered) > 0.97 * Double(least.answered + least.shed))
        #expect(Double(largest.answered) < 1.15 * Double(large.answered))
        #expect(Double(largest.answered) > 0.85 * Double(large.answered))
    }

    @Test func `a caller gets no more for having many connections`() {
        var loop = SimulatedLoop()
        loop.callers = [.init(rate: 50_000, connections: 20), .init(rate: 50_000)]
        loop.run(for: .milliseconds(500))
        loop.forget()
        loop.run(for: .seconds(4))
        #expect(Double(loop.callers[0].answered) < 1.2 * Double(loop.callers[1].answered))
        #expect(Double(loop.callers[0].answered) > 0.8 * Double(loop.callers[1].answered))
    }

    @Test func `a thousand connections of one caller do not leave it, and another one, next to nothing`() {
        var loop = SimulatedLoop()
        loop.callers = [.init(rate: 170_000, connections: 1_000), .init(rate: 100)]
        loop.run(for: .milliseconds(500))
        loop.forget()
        loop.run(for: .seconds(4))
        // Reading from so many takes the longest round there is.
        #expect(loop.goodput > 4_000, "\(loop.goodput)")
        let modest = loop.callers[1]
        #expect(Double(modest.answered) > 0.95 * Double(modest.answered + modest.shed))
    }

    @Test func `calls that cost ten times as much get as much time`() {
        var loop = SimulatedLoop()
        loop.callers = [.init(rate: 50_000, cost: .microseconds(30)), .init(rate: 10_000, cost: .microseconds(300))]
        loop.run(for: .milliseconds(500))
        loop.forget()
        loop.run(for: .seconds(4))
        let times = loop.callers.map { Double($0.answered) * Double($0.cost.nanoseconds) }
        #expect(times[0] > 0.7 * times[1] && times[1] > 0.7 * times[0], "\(times)")
    }

    @Test func `nothing is shed any more when less comes`() {
        var loop = SimulatedLoop()
        loop.callers = .init(repeating: .init(rate: 20_000), count: 5)
        loop.run(for: .seconds(1))
        #expect(loop.pressure.isShedding)
        for index in loop.callers.indices { loop.callers[index].rate = 3_000 }
        loop.run(for: .milliseconds(1_100))
        #expect(!loop.pressure.isShedding)
        loop.forget()
        loop.run(for: .seconds(1))
        #expect(loop.shed == 0)
        #expect(loop.p99 < .milliseconds(1))
    }

    @Test func `who calls now and then is answered beside a flood of expensive calls`() {
        var loop = SimulatedLoop()
        loop.callers = .init(repeating: .init(rate: 1_000, cost: .microseconds(300)), count: 50)
        // Half a call's worth in each round, but far less than its share in the rounds between.
        loop.callers.append(.init(rate: 5, cost: .microseconds(300)))
        loop.run(for: .seconds(1))
        loop.forget()
        loop.run(for: .seconds(4))
        #expect(loop.callers[50].answered > 15)
        #expect(loop.callers[50].shed <= 1, "\(loop.callers[50].shed)")
    }

    @Test func `callers that a stall had turned away are served whole again`() {
        var loop = SimulatedLoop()
        // 5 ms of work at a time, which comes again as soon as it is done, after a tenth of a second in which nothing was.
        loop.callers = .init(repeating: .init(rate: 1, burst: 10, isClosed: true), count: 16)
        loop.run(for: .seconds(1))
        #expect(loop.shed == 0)
        loop.stall(for: .milliseconds(100))
        loop.run(for: .milliseconds(100))
        #expect(loop.pressure.isShedding)
        loop.run(for: LoopPressure.firstTrial)
        loop.forget()
        loop.run(for: .seconds(1))
        #expect(!loop.pressure.isShedding)
        #expect(loop.shed == 0)
    }

    @Test func `nobody pays for what others did with the processor during a call`() {
        let pressure = LoopPressure(limit: .milliseconds(20))
        let (own, interrupted) = (pressure.join("own"), pressure.join("interrupted"))
        var now = overload(pressure)
        var rounds: (own: UInt64, interrupted: UInt64) = (0, 0)
        _ = pressure.called(own, lastIn: &rounds.own, now: now)
        _ = pressure.called(interrupted, lastIn: &rounds.interrupted, now: now)
        #expect(pressure.admits(own) && pressure.admits(interrupted))
        pressure.handled(own, in: .milliseconds(6)) { ThreadUse(busy: 6_000_000, sleeps: 0) }
        pressure.handled(interrupted, in: .milliseconds(6)) { ThreadUse(busy: 6_020_000, sleeps: 0) }
        now = now + .milliseconds(12)
        pressure.roundEnded(use: ThreadUse(busy: 6_030_000, sleeps: 0), now: now)
        _ = pressure.called(own, lastIn: &rounds.own, now: now)
        #expect(!pressure.admits(own))
        #expect(pressure.admits(interrupted))
    }

    @Test func `what was owed in the crowd is forgotten when it has gone`() {
        let pressure = LoopPressure(limit: .milliseconds(20))
        let share = pressure.join("a")
        var now = overload(pressure)
        var round: UInt64 = 0
        #expect(pressure.called(share, lastIn: &round, now: now))
        #expect(pressure.admits(share))
        pressure.handled(share, in: .seconds(10)) { ThreadUse(busy: 0, sleeps: 0) }
        #expect(!pressure.admits(share))
        pressure.shed(now: now)
        pressure.roundEnded(use: ThreadUse(busy: 0, sleeps: 0), now: now)
        // Nobody calls any more, so that no round ends, until somebody does.
        now = now + .minutes(10)
        _ = pressure.called(share, lastIn: &round, now: now)
        #expect(pressure.admits(share))
        #expect(!pressure.isShedding)
    }

    /// Has calls wait until some are shed; gives when that is.
    private func overload(_ pressure: LoopPressure) -> NIODeadline {
        var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
        for _ in 0..<4 {
            now = now + .milliseconds(18)
            pressure.waited(.milliseconds(30), now: now)
        }
        #expect(pressure.isShedding)
        return now
    }

    @Test func `calls that are begun in clusters, each long after it came, are noticed`() {
        let pressure = LoopPressure(limit: .milliseconds(20))
        var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
        for _ in 0..<3 {
            now = now + .milliseconds(60)
            for _ in 0..<10 {
                now = now + .microseconds(500)
                pressure.waited(.milliseconds(60), now: now)
            }
        }
        #expect(pressure.isShedding)
    }

    @Test func `bursts with pauses between them are none of one`() {
        let pressure = LoopPressure(limit: .milliseconds(20))
        var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
        for _ in 0..<20 {
            now = now + .milliseconds(200)
            pressure.waited(.milliseconds(40), now: now)
        }
        #expect(!pressure.isShedding)
    }

    @Test func `what is measured is told, and others see for how long calls are shed`() {
        let told = Told()
        let pressure = LoopPressure(limit: .milliseconds(20)) {
            told.sum.wrappingAdd($0.nanoseconds, ordering: .relaxed)
        }
        var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
        for _ in 0..<4 {
            now = now + .milliseconds(18)
            #expect(!pressure.sheds(at: now))
            pressure.passEnded(in: .milliseconds(30), now: now)
        }
        #expect(told.sum.load(ordering: .relaxed) == 120_000_000)
        #expect(pressure.sheds(at: now) && pressure.sheds(at: now + LoopPressure.calm))
        // Calls that run as tasks tell of their own delays, which are counted elsewhere.
        pressure.waited(.milliseconds(30), now: now)
        let share = pressure.join("a")
        var round: UInt64 = 0
        #expect(pressure.called(share, lastIn: &round, now: now))
        pressure.shed(now: now)
        now = now + .milliseconds(5)
        pressure.roundEnded(use: ThreadUse(busy: 0, sleeps: 0), now: now)
        #expect(told.sum.load(ordering: .relaxed) == 125_000_000)
        #expect(pressure.sheds(at: now + LoopPressure.calm))
        // Nobody calls any more, which the loop itself does not notice.
        now = now + LoopPressure.calm + .milliseconds(1)
        #expect(pressure.isShedding && !pressure.sheds(at: now))
        _ = pressure.called(share, lastIn: &round, now: now)
        #expect(!pressure.isShedding && !pressure.sheds(at: now))
    }

    /// Nanoseconds.
    private final class Told: Sendable {
        let sum = Atomic<Int64>(0)
    }

    @Test func `a caller that left is forgotten`() {
        let pressure = LoopPressure(limit: .milliseconds(20))
        let first = pressure.join("a")
        #expect(pressure.join("a") === first)
        pressure.leave(first)
        #expect(pressure.join("a") === first)
        pressure.leave(first)
        pressure.leave(first)
        #expect(pressure.join("a") !== first)
    }
}

/// An event loop and those who call it: in each of its rounds it looks at all connections that sent something.
private struct SimulatedLoop {
    struct Caller {
        var rate: Double
        var burst = 1
        var connections = 1
        var cost = TimeAmount.microseconds(30)
        /// Calls again only when all calls of its burst are answered, or turned away.
        var isClosed = false
        var answered = 0
        var shed = 0
        /// When those calls came that wait.
        fileprivate var waiting: [[NIODeadline]] = []
        fileprivate var due = 0.0
        fileprivate var next = 0
        fileprivate var share: LoopPressure.Share?
        fileprivate var rounds: [UInt64] = []

        init(
            rate: Double, burst: Int = 1, connections: Int = 1, cost: TimeAmount = .microseconds(30),
            isClosed: Bool = false
        ) {
            self.isClosed = isClosed
            self.rate = rate
            self.burst = burst
            self.connections = connections
            self.cost = cost
        }
    }

    let pressure = LoopPressure(limit: .milliseconds(20))
    var callers: [Caller] = []
    private var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private var use = ThreadUse(busy: 0, sleeps: 0)
    private var delays: [Int64] = []
    private var begin = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private var isBacklogged = false

    private static let shedCost = TimeAmount.nanoseconds(1_500)
    private static let connectionCost = TimeAmount.microseconds(8)

    var shed: Int { callers.reduce(0) { $0 + $1.shed } }
    var goodput: Double {
        Double(callers.reduce(0) { $0 + $1.answered }) / (Double((now - begin).nanoseconds) / 1e9)
    }
    var p99: TimeAmount {
        let sorted = delays.sorted()
        return .nanoseconds(sorted.isEmpty ? 0 : sorted[sorted.count * 99 / 100])
    }

    var longestDelay: TimeAmount { .nanoseconds(delays.max() ?? 0) }

    mutating func forget() {
        begin = now
        delays = []
        for index in callers.indices { (callers[index].answered, callers[index].shed) = (0, 0) }
    }

    /// Time in which the loop's thread has no processor, as its connections see it.
    mutating func stall(for duration: TimeAmount) {
        let end = now + duration
        while now < end {
            now = now + .milliseconds(25)
            pressure.waited(.milliseconds(25), now: now)
        }
    }

    mutating func run(for duration: TimeAmount) {
        let end = now + duration
        while now < end {
            arrive(until: now)
            guard callers.contains(where: { $0.waiting.contains { !$0.isEmpty } }) else {
                use.sleeps += 1
                now = now + .microseconds(20)
                continue
            }
            turn()
        }
    }

    private mutating func arrive(until now: NIODeadline) {
        for index in callers.indices {
            if callers[index].share == nil {
                callers[index].share = pressure.join("\(index)")
                callers[index].waiting = .init(repeating: [], count: callers[index].connections)
                callers[index].rounds = .init(repeating: 0, count: callers[index].connections)
                // Not all at the same moment.
                callers[index].due = Double(now.uptimeNanoseconds) + 1e9 / callers[index].rate / Double(index + 1)
            }
            if callers[index].isClosed {
                if callers[index].waiting[0].isEmpty {
                    callers[index].waiting[0] = .init(repeating: now, count: callers[index].burst)
                }
                continue
            }
            while callers[index].due <= Double(now.uptimeNanoseconds) {
                let due = NIODeadline.uptimeNanoseconds(UInt64(callers[index].due))
                let connection = callers[index].next % callers[index].connections
                callers[index].next += 1
                callers[index].waiting[connection] += .init(repeating: due, count: callers[index].burst)
                callers[index].due += 1e9 * Double(callers[index].burst) / callers[index].rate
            }
        }
    }

    /// One round of the loop, which takes all that is there; without shedding half a millisecond's worth of each connection.
    private mutating func turn() {
        let start = now
        let isShedding = pressure.isShedding
        var begins = false
        var rest = TimeAmount.zero
        for index in callers.indices {
            for connection in callers[index].waiting.indices where !callers[index].waiting[connection].isEmpty {
                now = now + Self.connectionCost
                let waiting = callers[index].waiting[connection]
                let turnStart = now
                var handled = 0
                for arrival in waiting {
                    if !isShedding && now - turnStart > .microseconds(500) { break }
                    handled += 1
                    if isShedding {
                        begins =
                            pressure.called(
                                callers[index].share!, lastIn: &callers[index].rounds[connection], now: now) || begins
                        guard pressure.admits(callers[index].share!) else {
                            pressure.shed(now: now)
                            callers[index].shed += 1
                            now = now + Self.shedCost
                            continue
                        }
                        let cost = callers[index].cost
                        pressure.handled(callers[index].share!, in: cost) {
                            ThreadUse(busy: use.busy + (now - start + cost).nanoseconds, sleeps: use.sleeps)
                        }
                    }
                    now = now + callers[index].cost
                    callers[index].answered += 1
                    delays.append((now - arrival).nanoseconds)
                }
                callers[index].waiting[connection].removeFirst(handled)
                rest = rest + callers[index].cost * (waiting.count - handled)
                if rest > .zero { pressure.waited(rest, now: now) }
            }
        }
        use.busy += (now - start).nanoseconds
        if begins { pressure.roundEnded(use: use, now: now) }
    }
}
