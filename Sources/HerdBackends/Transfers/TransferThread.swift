import CCurl
import Glibc
import NIOConcurrencyHelpers

/// The one thread that talks to servers, from the outside: it takes commands until it is shut down.
///
/// Nothing here blocks: a command is appended to a queue, and the thread is woken if it waits for sockets.
final class TransferThread: Sendable {
    /// Names a transfer or an alarm.
    typealias ID = UInt64

    enum Command: Sendable {
        case start(ID, TransferRequest, TransferMailbox)
        case cancel(ID)
        case resume(ID)
        case setAlarm(ID, MonotonicInstant, @Sendable () -> Void)
        case clearAlarm(ID)
        case stop
    }

    private let core: TransferCore

    /// - Throws: `shutDown` where libcurl or the thread cannot be had.
    init(keptConnections: Int) throws(BackendError) {
        core = try TransferCore.start(keptConnections: keptConnections)
    }

    deinit {
        core.abandon()
    }

    /// - Returns: the transfer's name, nil after `shutDown`.
    func start(_ request: TransferRequest, into mailbox: TransferMailbox) -> ID? {
        core.nextID { id in .start(id, request, mailbox) }
    }

    func cancel(_ id: ID) { core.send(.cancel(id)) }

    func resume(_ id: ID) { core.send(.resume(id)) }

    /// Has `fire` called on the thread at `instant` or soon after; it must be quick.
    ///
    /// - Returns: the alarm's name, nil after `shutDown`.
    func setAlarm(at instant: MonotonicInstant, _ fire: @escaping @Sendable () -> Void) -> ID? {
        core.nextID { id in .setAlarm(id, instant, fire) }
    }

    func clearAlarm(_ id: ID) { core.send(.clearAlarm(id)) }

    /// Transfers that are open, those included that only wait for their connection to end.
    var openTransfers: Int { core.openTransfers }

    /// Ends every transfer and the thread; returns when it has been joined. May be called more than once.
    func shutDown() async { await core.shutDown() }
}

/// What the thread and those who give it commands share.
final class TransferCore: Sendable {
    /// libcurl's handle.
    ///
    /// `@unchecked`: it is used on the curl thread only, but for `curl_multi_wakeup`, which libcurl allows from any
    /// thread and which is called under the lock that the thread takes before it frees the handle.
    private struct Handle: @unchecked Sendable {
        let multi: UnsafeMutableRawPointer
    }

    private enum Life {
        case running
        /// The thread takes no commands any more and will end, or has ended.
        case ending([CheckedContinuation<Void, Never>])
        case ended
        case joined
    }

    private struct State {
        var handle: Handle?
        var commands: [TransferThread.Command] = []
        /// The thread waits for sockets, and has not been woken.
        var isPolling = false
        var isStopping = false
        var lastID: TransferThread.ID = 0
        var openTransfers = 0
        var life = Life.running
        var thread: pthread_t?
    }

    private let state = NIOLockedValueBox(State())

    /// libcurl as a whole, initialised once for the process.
    private static let isInitialised = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    static func start(keptConnections: Int) throws(BackendError) -> TransferCore {
        guard isInitialised, let multi = curl_multi_init() else {
            throw BackendError(.shutDown, "libcurl cannot be initialised: is there memory left?")
        }
        _ = herd_curl_multi_set_kept_connections(multi, keptConnections)
        let core = TransferCore()
        let handle = Handle(multi: multi)
        core.state.withLockedValue { $0.handle = handle }
        let work = Unmanaged.passRetained(core)
        var thread = pthread_t()
        let run: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
            guard let argument else { return nil }
            var signals = sigset_t()
            sigfillset(&signals)
            pthread_sigmask(SIG_BLOCK, &signals, nil)
            herd_name_thread("herd-curl")
            Unmanaged<TransferCore>.fromOpaque(argument).takeRetainedValue().run()
            return nil
        }
        guard pthread_create(&thread, nil, run, work.toOpaque()) == 0 else {
            work.release()
            curl_multi_cleanup(multi)
            throw BackendError(.shutDown, "a thread for calls to models cannot be started: are there too many?")
        }
        core.state.withLockedValue { [thread] in $0.thread = thread }
        return core
    }

    // MARK: - From any thread

    func send(_ command: TransferThread.Command) {
        state.withLockedValue { state in enqueue(command, in: &state) }
    }

    func nextID(_ command: (TransferThread.ID) -> TransferThread.Command) -> TransferThread.ID? {
        state.withLockedValue { state in
            guard !state.isStopping else { return nil }
            state.lastID += 1
            enqueue(command(state.lastID), in: &state)
            return state.lastID
        }
    }

    private func enqueue(_ command: TransferThread.Command, in state: inout State) {
        guard !state.isStopping, let handle = state.handle else { return }
        state.commands.append(command)
        guard state.isPolling else { return }
        state.isPolling = false
        curl_multi_wakeup(handle.multi)
    }

    func stop() {
        state.withLockedValue { state in
            enqueue(.stop, in: &state)
            state.isStopping = true
        }
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

    var openTransfers: Int { state.withLockedValue { $0.openTransfers } }

    // MARK: - On the thread

    private func run() {
        guard let handle = state.withLockedValue({ $0.handle }) else { return }
        let loop = TransferLoop(multi: handle.multi)
        loop.run(self)
        state.withLockedValue { $0.handle = nil }
        curl_multi_cleanup(handle.multi)
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

    /// What has been asked for since the last time.
    func takeCommands(openTransfers: Int) -> [TransferThread.Command] {
        state.withLockedValue { state in
            state.openTransfers = openTransfers
            guard !state.commands.isEmpty else { return [] }
            let commands = state.commands
            state.commands = []
            return commands
        }
    }

    /// Says that the thread is about to wait; false where there are commands, so that it must not.
    func beginPolling(openTransfers: Int) -> Bool {
        state.withLockedValue { state in
            state.openTransfers = openTransfers
            guard state.commands.isEmpty else { return false }
            state.isPolling = true
            return true
        }
    }

    func endPolling() {
        state.withLockedValue { $0.isPolling = false }
    }
}
