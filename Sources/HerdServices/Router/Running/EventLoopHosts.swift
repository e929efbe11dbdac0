package import HerdBackends
import NIOConcurrencyHelpers
import NIOCore
package import NIOPosix

/// The router's event loops, as far as they perform calls to models.
package final class EventLoopHosts: TransferHosts {
    private let hosts: [ObjectIdentifier: EventLoopHost]

    package init(_ group: MultiThreadedEventLoopGroup) {
        hosts = Dictionary(
            uniqueKeysWithValues: group.makeIterator().map { (ObjectIdentifier($0), EventLoopHost($0)) })
    }

    package var count: Int { hosts.count }

    /// Does some work once the event loop that the caller runs on has done what it has to do already, or now if it runs on
    /// none.
    static func afterwards(_ work: @escaping @Sendable () -> Void) {
        guard let loop = MultiThreadedEventLoopGroup.currentEventLoop else { return work() }
        loop.execute(work)
    }

    package func current() -> (any TransferHost)? {
        MultiThreadedEventLoopGroup.currentEventLoop.flatMap { hosts[ObjectIdentifier($0)] }
    }
}

/// One of them.
final class EventLoopHost: TransferHost {
    private let loop: any EventLoop
    private let state = NIOLockedValueBox(State())

    private struct State {
        var bell: (any Channel)?
        var alarm: Scheduled<Void>?
        var hasLeft = false
    }

    init(_ loop: any EventLoop) {
        self.loop = loop
    }

    var isCurrent: Bool { loop.inEventLoop }

    func execute(_ work: @escaping @Sendable () -> Void) { loop.execute(work) }

    func attend(_ bell: Int32, _ answer: @escaping @Sendable () -> Void) {
        NIOPipeBootstrap(group: loop)
            // An eventfd is read whole, in eight bytes; what does not fill the room needs no second look.
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 16))
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(BellHandler(answer))
                }
            }
            .takingOwnershipOfDescriptor(input: bell)
            .whenSuccess { [self] channel in
                let hasLeft = state.withLockedValue { state in
                    if !state.hasLeft { state.bell = channel }
                    return state.hasLeft
                }
                if hasLeft { channel.close(promise: nil) }
            }
    }

    func setAlarm(at instant: MonotonicInstant, _ ring: @escaping @Sendable () -> Void) {
        let alarm = loop.scheduleTask(deadline: .uptimeNanoseconds(instant.nanoseconds)) { ring() }
        let before = state.withLockedValue { state in
            defer { state.alarm = alarm }
            return state.alarm
        }
        before?.cancel()
    }

    func leave() {
        let (bell, alarm) = state.withLockedValue { state in
            state.hasLeft = true
            defer { (state.bell, state.alarm) = (nil, nil) }
            return (state.bell, state.alarm)
        }
        alarm?.cancel()
        bell?.close(promise: nil)
    }
}

/// Hears that an eventfd was written.
private final class BellHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let answer: @Sendable () -> Void

    init(_ answer: @escaping @Sendable () -> Void) {
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { answer() }
}
