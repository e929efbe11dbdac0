import CCurl
import Glibc
import NIOConcurrencyHelpers
import Synchronization

/// The thread that talks to servers, from the outside: it takes commands until it is shut down.
///
/// Nothing here blocks: a command is appended to a queue, and the thread is woken, with one system call, if it waits for
/// sockets.
final class TransferThread: Transferring {
    private let core: TransferCore

    /// - Throws: `shutDown` where libcurl or the thread cannot be had.
    init(keptConnections: Int) throws(BackendError) {
        core = try TransferCore.start(keptConnections: keptConnections)
    }

    deinit {
        core.abandon()
    }

    func start(_ request: TransferRequest, into mailbox: TransferMailbox) -> TransferID? {
        core.nextID { id in .start(id, request, mailbox) }
    }

    func cancel(_ id: TransferID) { core.send(.cancel(id)) }

    func resume(_ id: TransferID) { core.send(.resume(id)) }

    /// Has `fire` called on the thread at `instant` or soon after; it must be quick.
    ///
    /// - Returns: the alarm's name, nil after `shutDown`.
    func setAlarm(at instant: MonotonicInstant, _ fire: @escaping @Sendable () -> Void) -> TransferID? {
        core.nextID { id in .setAlarm(id, instant, fire) }
    }

    func clearAlarm(_ id: TransferID) { core.send(.clearAlarm(id)) }

    /// What the thread has done so far, as it tells it itself; nil after `shutDown`.
    func work() async -> TransferWork? {
        await withCheckedContinuation { continuation in
            let tell: @Sendable (TransferWork) -> Void = { work in
                var work = work
                work.processorNanoseconds = herd_thread_nanoseconds()
                continuation.resume(returning: work)
            }
            guard core.nextID({ _ in .tellWork(tell) }) == nil else { return }
            continuation.resume(returning: nil)
        }
    }

    /// Transfers that are open, those included that only wait for their connection to end.
    var openTransfers: Int { core.openTransfers }

    /// Ends every transfer and the thread; returns when it has been joined. May be called more than once.
    func shutDown() async { await core.shutDown() }
}

/// What the thread and those who give it commands share.
final class TransferCore: Sendable {
    private enum Life {
        case running
        /// The thread takes no commands any more and will end, or has ended.
        case ending([CheckedContinuation<Void, Never>])
        case ended
        case joined
    }

    private struct State {
        var commands: [TransferCommand] = []
        var isStopping = false
        var lastID: TransferID = 0
        var life = Life.running
        var thread: pthread_t?
    }

    /// What the thread is born with.
    private final class Birth {
        let core: TransferCore
        let loop: TransferLoop

        init(_ core: TransferCore, _ loop: TransferLoop) {
            self.core = core
            self.loop = loop
        }
    }

    private let state = NIOLockedValueBox(State())
    /// Lives as long as anybody may ring it.
    private let bell: Bell
    /// There are commands that the thread has not taken.
    private let hasCommands = Atomic(false)
    /// The thread waits, or is about to, and has not been woken. It says so before it looks for commands, and those who
    /// bring one look here afterwards: one of both sees the other.
    private let isAsleep = Atomic(false)
    private let open = Atomic(0)

    private init(_ bell: consuming Bell) {
        self.bell = bell
    }

    static func start(keptConnections: Int) throws(BackendError) -> TransferCore {
        guard TransferLoop.isLibraryReady else {
            throw BackendError(.shutDown, "libcurl cannot be initialised: is there memory left?")
        }
        guard let bell = Bell() else { throw Self.noDescriptors }
        let core = TransferCore(bell)
        guard let sockets = SocketPoll(bell: core.bell),
            let loop = TransferLoop(keptConnections: keptConnections, sockets: sockets)
        else { throw Self.noDescriptors }
        let birth = Unmanaged.passRetained(Birth(core, loop))
        var thread = pthread_t()
        let run: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
            guard let argument else { return nil }
            var signals = sigset_t()
            sigfillset(&signals)
            pthread_sigmask(SIG_BLOCK, &signals, nil)
            herd_name_thread("herd-curl")
            TransferCore.live(Unmanaged<Birth>.fromOpaque(argument))
            return nil
        }
        guard pthread_create(&thread, nil, run, birth.toOpaque()) == 0 else {
            birth.release()
            throw BackendError(.shutDown, "a thread for calls to models cannot be started: are there too many?")
        }
        core.state.withLockedValue { [thread] in $0.thread = thread }
        return core
    }

    private static var noDescriptors: BackendError {
        BackendError(
            .shutDown,
            "libcurl gets no handle or no descriptors to wait with: is memory left, is `ulimit -n` high enough?")
    }

    // MARK: - From any thread

    func send(_ command: TransferCommand) {
        state.withLockedValue { state in
            guard !state.isStopping else { return }
            state.commands.append(command)
        }
        wake()
    }

    func nextID(_ command: (TransferID) -> TransferCommand) -> TransferID? {
        let id = state.withLockedValue { state -> TransferID? in
            guard !state.isStopping else { return nil }
            state.lastID += 1
            state.commands.append(command(state.lastID))
            return state.lastID
        }
        if id != nil { wake() }
        return id
    }

    func stop() {
        state.withLockedValue { state in
            guard !state.isStopping else { return }
            state.commands.append(.stop)
            state.isStopping = true
        }
        wake()
    }

    private func wake() {
        hasCommands.store(true, ordering: .sequentiallyConsistent)
        guard isAsleep.exchange(false, ordering: .sequentiallyConsistent) else { return }
        bell.ring()
    }

    /// Nobody is left who could wait for the thread.
    func abandon() {
        stop()
        let thread = state.withLockedValue { state -> pthread_t? in
            switch state.life {
            case .running, .ended:
                defer { state.life = .joined }
                return state.thread
            case .ending, .joined: return nil
            }
        }
        if let thread { pthread_detach(thread) }
    }

    func shutDown() async {
        stop()
        await withCheckedContinuation { continuation in
            let isOver = state.withLockedValue { state in
                switch state.life {
                case .running: state.life = .ending([continuation])
                case .ending(let waiters): state.life = .ending(waiters + [continuation])
                case .ended, .joined: return true
                }
                return false
            }
            if isOver { continuation.resume() }
        }
        let thread = state.withLockedValue { state -> pthread_t? in
            guard case .ended = state.life else { return nil }
            state.life = .joined
            return state.thread
        }
        // It has nothing left to do but to return.
        if let thread { pthread_join(thread, nil) }
    }

    var openTransfers: Int { open.load(ordering: .relaxed) }

    // MARK: - On the thread

    private static func live(_ birth: Unmanaged<Birth>) {
        let core = birth.takeUnretainedValue().core
        birth.takeUnretainedValue().loop.run(core)
        // Connections and descriptors go here, before anybody hears that it is over.
        birth.release()
        core.ended()
    }

    private func ended() {
        let waiters = state.withLockedValue { state -> [CheckedContinuation<Void, Never>] in
            switch state.life {
            case .joined: return []
            case .running, .ended:
                state.life = .ended
                return []
            case .ending(let waiters):
                state.life = .ended
                return waiters
            }
        }
        for waiter in waiters { waiter.resume() }
    }

    /// What has been asked for since the last time, in that order.
    func takeCommands() -> [TransferCommand] {
        guard hasCommands.load(ordering: .acquiring) else { return [] }
        // First: who comes meanwhile says so again.
        hasCommands.store(false, ordering: .sequentiallyConsistent)
        return state.withLockedValue { state in
            let commands = state.commands
            state.commands = []
            return commands
        }
    }

    /// Waits for sockets or commands; not at all where there are commands.
    func wait(_ time: Duration, on sockets: SocketPoll) {
        guard time > .zero else { return sockets.wait(.zero) }
        isAsleep.store(true, ordering: .sequentiallyConsistent)
        sockets.wait(hasCommands.load(ordering: .sequentiallyConsistent) ? .zero : time)
        isAsleep.store(false, ordering: .sequentiallyConsistent)
    }

    func tell(openTransfers: Int) { open.store(openTransfers, ordering: .relaxed) }
}
