import HerdTransport
import NIOCore
import Testing

/// When a client asks a silent server whether it is still there, as transcripts.
@Suite struct KeepAliveTests {
    private var keepAlive = KeepAlive(interval: .nanoseconds(100), timeout: .nanoseconds(30))

    @Test mutating func `silence while a call is open brings a PING, more of it the end`() {
        #expect(keepAlive.deadline == .distantFuture)
        #expect(keepAlive.callOpened(at: Self.at(0)) == .nothing)
        #expect(keepAlive.deadline == Self.at(100))
        #expect(keepAlive.rang(at: Self.at(99), hasOpenCalls: true) == .nothing)
        #expect(keepAlive.rang(at: Self.at(100), hasOpenCalls: true) == .ping)
        #expect(keepAlive.deadline == Self.at(130))
        #expect(keepAlive.rang(at: Self.at(130), hasOpenCalls: true) == .lost)
        #expect(keepAlive.deadline == .distantFuture)
    }

    @Test mutating func `whatever comes counts as a sign of life`() {
        _ = keepAlive.callOpened(at: Self.at(0))
        keepAlive.heard(at: Self.at(50))
        #expect(keepAlive.rang(at: Self.at(100), hasOpenCalls: true) == .nothing)
        #expect(keepAlive.deadline == Self.at(200))
        #expect(keepAlive.rang(at: Self.at(200), hasOpenCalls: true) == .ping)
        keepAlive.heard(at: Self.at(210))
        #expect(keepAlive.deadline == Self.at(310))
        #expect(keepAlive.rang(at: Self.at(310), hasOpenCalls: true) == .nothing)
        #expect(keepAlive.deadline == Self.at(410))
    }

    @Test mutating func `without open calls it rests, and asks first when it was silent`() {
        _ = keepAlive.callOpened(at: Self.at(0))
        #expect(keepAlive.isResting == false)
        #expect(keepAlive.rang(at: Self.at(100), hasOpenCalls: false) == .nothing)
        #expect(keepAlive.isResting)
        #expect(keepAlive.deadline == .distantFuture)
        #expect(keepAlive.callOpened(at: Self.at(1000)) == .ping)
        #expect(keepAlive.deadline == Self.at(1030))
        keepAlive.heard(at: Self.at(1010))
        #expect(keepAlive.rang(at: Self.at(1110), hasOpenCalls: false) == .nothing)
        #expect(keepAlive.callOpened(at: Self.at(2000)) == .nothing)
        #expect(keepAlive.deadline == Self.at(2100))
    }

    private static func at(_ time: UInt64) -> NIODeadline { .uptimeNanoseconds(time) }
}
