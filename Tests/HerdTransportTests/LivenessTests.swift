import HerdTransport
import NIOCore
import Testing

/// What time does to a connection, as transcripts: seconds in, actions out.
@Suite struct LivenessTests {
    private var limits = ConnectionLimits(
        frameTimeout: .seconds(30), keepaliveInterval: .seconds(60), keepaliveTimeout: .seconds(20),
        idleTimeout: .seconds(3600))

    private func liveness(idle: TimeAmount = .seconds(3600)) -> Transcript {
        var limits = limits
        limits.idleTimeout = idle
        return Transcript(Liveness(limits: limits, now: .second(0)))
    }

    @Test func `silence is answered with a PING, silence after it with the end`() {
        let peer = liveness()
        #expect(peer.due == 60)
        #expect(peer.check(59) == .none)
        #expect(peer.check(60) == .ping)
        #expect(peer.due == 80)
        #expect(peer.check(60) == .none)
        #expect(peer.check(79) == .none)
        #expect(peer.check(80) == .giveUp)
    }

    @Test func `any byte counts as an answer`() {
        let peer = liveness()
        #expect(peer.check(60) == .ping)
        peer.liveness.heard(at: .second(79))
        #expect(peer.check(80) == .none)
        #expect(peer.due == 139)
        #expect(peer.check(139) == .ping)
        #expect(peer.check(159) == .giveUp)
    }

    @Test func `a busy peer is never pinged`() {
        let peer = liveness()
        for second in stride(from: 0, to: 3000, by: 59) as StrideTo<UInt64> {
            peer.liveness.heard(at: .second(second))
            #expect(peer.check(second + 58) == .none)
        }
    }

    @Test func `a late look pings first`() {
        // The timer may ring late; the peer gets its time all the same.
        let peer = liveness()
        #expect(peer.check(500) == .ping)
        #expect(peer.check(500) == .none)
        #expect(peer.check(520) == .giveUp)
    }

    // MARK: - Readers

    @Test func `a slow reader lives while it takes what waits for it`() {
        let peer = liveness(idle: .zero)
        var taken: UInt64 = 0
        for second in stride(from: 60, to: 6000, by: 60) as StrideTo<UInt64> {
            taken += 1
            peer.liveness.took(bytes: taken, rest: 1 << 20, at: .second(second))
            #expect(peer.check(second) == .none)
        }
    }

    @Test func `a reader that stops for a while lives, one that stops for good does not`() {
        let peer = liveness()
        peer.liveness.took(bytes: 1000, rest: 1 << 20, at: .second(30))
        // Nothing for 70 seconds, then a little, just in time.
        peer.liveness.took(bytes: 1000, rest: 1 << 20, at: .second(90))
        #expect(peer.check(90) == .ping)
        peer.liveness.took(bytes: 1001, rest: 1 << 20, at: .second(109))
        #expect(peer.check(110) == .none)
        peer.liveness.took(bytes: 1001, rest: 1 << 20, at: .second(169))
        #expect(peer.check(169) == .ping)
        peer.liveness.took(bytes: 1001, rest: 1 << 20, at: .second(189))
        #expect(peer.check(189) == .giveUp)
    }

    @Test func `what a system takes for a process that hangs is no sign of life`() {
        let peer = liveness()
        #expect(peer.check(60) == .ping)
        // The PING itself.
        peer.liveness.took(bytes: 6, rest: 0, at: .second(80))
        #expect(peer.check(80) == .giveUp)
    }

    // MARK: - Idleness

    @Test func `a connection without calls is sent away, PINGs or not`() {
        let peer = liveness()
        peer.liveness.called(at: .second(100))
        for second in stride(from: 100, to: 3700, by: 50) as StrideTo<UInt64> {
            peer.liveness.heard(at: .second(second))
            #expect(peer.check(second) == .none)
        }
        peer.liveness.heard(at: .second(3699))
        #expect(peer.due == 3700)
        #expect(peer.check(3700) == .sendAway)
        #expect(peer.check(3700) == .none)
    }

    @Test func `an open call keeps the connection, but not from being pinged`() {
        let peer = liveness()
        peer.hasCalls = true
        peer.liveness.heard(at: .second(5000))
        #expect(peer.check(5000) == .none)
        #expect(peer.check(5060) == .ping)
        peer.liveness.heard(at: .second(5061))
        // Its end is where idleness begins.
        peer.hasCalls = false
        peer.liveness.called(at: .second(5061))
        #expect(peer.check(5061) == .none)
    }

    @Test func `zero keeps an idle connection forever`() {
        let peer = liveness(idle: .zero)
        peer.liveness.heard(at: .second(1_000_000))
        #expect(peer.check(1_000_000) == .none)
        #expect(peer.due == 1_000_060)
    }

    // MARK: - Frames

    @Test func `a frame has to end in time, whatever comes meanwhile`() {
        let peer = liveness()
        peer.liveness.frameGoesOn(at: .second(10), isNew: true)
        for second in 11..<40 as Range<UInt64> {
            peer.liveness.heard(at: .second(second))
            peer.liveness.frameGoesOn(at: .second(second), isNew: false)
            #expect(peer.check(second) == .none)
        }
        #expect(peer.due == 40)
        #expect(peer.check(40) == .frameOverdue)
        #expect(peer.check(40) == .none)
    }

    @Test func `each frame has its own time`() {
        let peer = liveness()
        for second in stride(from: 0, to: 290, by: 29) as StrideTo<UInt64> {
            peer.liveness.heard(at: .second(second))
            peer.liveness.frameGoesOn(at: .second(second), isNew: true)
            #expect(peer.check(second + 29) == .none)
        }
        peer.liveness.frameEnded()
        #expect(peer.liveness.isInFrame == false)
        #expect(peer.check(320) == .none)
    }

    @Test func `before HELLO only frames are timed`() {
        let peer = liveness()
        peer.isGreeted = false
        #expect(peer.due == nil)
        #expect(peer.check(10_000) == .none)
        peer.liveness.frameGoesOn(at: .second(10_000), isNew: true)
        #expect(peer.due == 10_030)
        #expect(peer.check(10_030) == .frameOverdue)
    }
}

private final class Transcript {
    var liveness: Liveness
    var hasCalls = false
    var isGreeted = true

    init(_ liveness: Liveness) {
        self.liveness = liveness
    }

    /// In seconds; nil for never.
    var due: UInt64? {
        let due = liveness.due(hasCalls: hasCalls, isGreeted: isGreeted)
        return due == .distantFuture ? nil : due.uptimeNanoseconds / 1_000_000_000
    }

    func check(_ second: UInt64) -> Liveness.Action {
        liveness.check(at: .second(second), hasCalls: hasCalls, isGreeted: isGreeted)
    }
}

extension NIODeadline {
    fileprivate static func second(_ second: UInt64) -> NIODeadline { .uptimeNanoseconds(second * 1_000_000_000) }
}
