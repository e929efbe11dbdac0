import CCurl
import NIOConcurrencyHelpers
import Synchronization

/// Transfers on an event loop that lends itself.
///
/// Safe to send: what is not behind the lock is touched on the host only, and in `deinit`, when nobody is left.
final class HostedTransfers: Transferring, @unchecked Sendable {
    private struct State {
        var commands: [TransferCommand] = []
        var lastID: TransferID = 0
        var isStopping = false
        var isStopped = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = NIOLockedValueBox(State())
    private let open = Atomic(0)
    private let host: any TransferHost
    private let loop: TransferLoop
    private let sockets: SocketPoll

    private var alert: herd_alert
    /// The bell will ring when a socket is ready.
    private var isAlert = false
    private var isTurning = false
    private var hasLeft = false
    /// For when the host has its alarm.
    private var alarm = MonotonicInstant.distantFuture

    /// libcurl may ask to be called again at once; after as many times others on the loop have their turn.
    private static let mostLooks = 16
    private static let shortPause = Duration.microseconds(50)

    /// Nil where the system does not tell an event loop of sockets that are not its own, or has no memory or descriptors
    /// left: then the curl thread has to do.
    init?(on host: any TransferHost, keptConnections: Int) {
        guard let sockets = SocketPoll(), let loop = TransferLoop(keptConnections: keptConnections, sockets: sockets)
        else { return nil }
        let bell = herd_bell_open()
        guard bell >= 0 else { return nil }
        var alert = herd_alert()
        guard herd_alert_open(&alert, sockets.descriptor, bell) == 0 else {
            herd_poll_close(bell)
            return nil
        }
        guard herd_alert_arm(&alert) == 0 else {
            herd_alert_close(&alert)
            herd_poll_close(bell)
            return nil
        }
        self.host = host
        self.loop = loop
        self.sockets = sockets
        self.alert = alert
        isAlert = true
        host.attend(bell) { [weak self] in self?.answerBell() }
    }

    deinit {
        loop.endAll()
        leave()
    }

    // MARK: - From any thread

    func start(_ request: TransferRequest, into mailbox: TransferMailbox) -> TransferID? {
        let id = state.withLockedValue { state -> TransferID? in
            guard !state.isStopping else { return nil }
            state.lastID += 1
            state.commands.append(.start(state.lastID, request, mailbox))
            return state.lastID
        }
        guard id != nil else { return nil }
        // At once, so that the request is on its way before its caller does anything else.
        if host.isCurrent { turn() } else { turnLater() }
        return id
    }

    // Later, because their callers are in the middle of something.

    func cancel(_ id: TransferID) { send(.cancel(id)) }

    func resume(_ id: TransferID) { send(.resume(id)) }

    private func send(_ command: TransferCommand) {
        let isTaken = state.withLockedValue { state in
            guard !state.isStopping else { return false }
            state.commands.append(command)
            return true
        }
        if isTaken { turnLater() }
    }

    private func turnLater() {
        host.execute { [weak self] in self?.turn() }
    }

    /// Transfers that are open, those included that only wait for their connection to end.
    var openTransfers: Int { open.load(ordering: .relaxed) }

    /// Nil after `shutDown`.
    func work() async -> TransferWork? {
        await withCheckedContinuation { continuation in
            let isTaken = state.withLockedValue { state in
                guard !state.isStopping else { return false }
                state.commands.append(.tellWork { continuation.resume(returning: $0) })
                return true
            }
            if isTaken { turnLater() } else { continuation.resume(returning: nil) }
        }
    }

    /// Ends every transfer. May be called more than once.
    func shutDown() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLockedValue { state in
                guard !state.isStopped else { return true }
                if !state.isStopping { state.commands.append(.stop) }
                state.isStopping = true
                state.waiters.append(continuation)
                return false
            }
            if isOver { continuation.resume() } else { turnLater() }
        }
    }

    // MARK: - On the host

    private func answerBell() {
        isAlert = false
        turn()
    }

    private func turn() {
        // Whoever turns looks for commands again before it is done.
        guard !isTurning, !hasLeft else { return }
        isTurning = true
        defer { isTurning = false }
        for _ in 0..<Self.mostLooks {
            let hasHandedOver = loop.look(takeCommands())
            if loop.isStopping { return end() }
            open.store(loop.openTransfers, ordering: .relaxed)
            if hasHandedOver { return goOnBehindCallers() }
            guard hasCommands || loop.due.nanoseconds == 0 else { break }
        }
        waitForMore()
    }

    /// Tidies up when the callers that have just been woken have run, and what they sent has been written.
    private func goOnBehindCallers() {
        host.execute { [weak self] in
            guard let self else { return }
            host.execute { [weak self] in self?.tidyUp() }
        }
    }

    private func tidyUp() {
        guard !isTurning, !hasLeft else { return }
        isTurning = true
        defer { isTurning = false }
        loop.advance(takeCommands())
        if loop.isStopping { return end() }
        open.store(loop.openTransfers, ordering: .relaxed)
        waitForMore()
    }

    /// Never has the host call again at once: its other channels come first.
    private func waitForMore() {
        if !isAlert { isAlert = herd_alert_arm(&alert) == 0 }
        var due = loop.due
        if !isAlert || hasCommands { due = min(due, MonotonicInstant.now.advanced(by: Self.shortPause)) }
        if due.nanoseconds == 0 { due = MonotonicInstant.now.advanced(by: Self.shortPause) }
        guard due < alarm else { return }
        alarm = due
        host.setAlarm(at: due) { [weak self] in self?.answerAlarm() }
    }

    private func answerAlarm() {
        alarm = .distantFuture
        turn()
    }

    private var hasCommands: Bool { state.withLockedValue { !$0.commands.isEmpty } }

    private func takeCommands() -> [TransferCommand] {
        state.withLockedValue { state in
            guard !state.commands.isEmpty else { return [] }
            defer { state.commands = [] }
            return state.commands
        }
    }

    private func end() {
        loop.endAll()
        open.store(0, ordering: .relaxed)
        leave()
        let waiters = state.withLockedValue { state in
            state.isStopped = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private func leave() {
        guard !hasLeft else { return }
        hasLeft = true
        herd_alert_close(&alert)
        host.leave()
    }
}
