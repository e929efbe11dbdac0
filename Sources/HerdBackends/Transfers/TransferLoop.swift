import CCurl

/// What the curl thread does, until it is told to stop, or an event loop that lends itself. Used on that one thread only.
///
/// libcurl says which sockets and which moment it waits for, and is called for those only: what a piece of an answer costs
/// does not depend on how many transfers are open.
final class TransferLoop {
    private let multi: UnsafeMutableRawPointer
    private let sockets: SocketPoll
    private var transfers: [TransferID: ActiveTransfer] = [:]
    private var byHandle: [UnsafeMutableRawPointer: ActiveTransfer] = [:]
    private let touched = TouchedTransfers()
    private let closer = SocketCloser()
    /// Those whose tokens wait for more, in the order in which they are due.
    private var held: [ActiveTransfer] = []
    private var alarms: [TransferID: (at: MonotonicInstant, fire: @Sendable () -> Void)] = [:]
    /// No time-out or alarm is due before; what is looked at is O(all), so it is looked at only then.
    private var nextDue = MonotonicInstant.distantFuture
    /// When libcurl wants to be called, whatever its sockets do.
    private var curlDue = MonotonicInstant.distantFuture
    private(set) var isStopping = false
    private var habits = ConnectionHabits()
    /// When connections that servers have closed are let go.
    private var pruneDue: MonotonicInstant?
    private var pruning: UnsafeMutableRawPointer?
    private var work = TransferWork()

    /// libcurl lets them go at most once a second.
    private static let prunePause = Duration.milliseconds(1500)
    /// The longest wait.
    private static let longestWait = Duration.seconds(3600)

    /// libcurl as a whole, initialised once for the process.
    static let isLibraryReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// Nil where there is no memory.
    init?(keptConnections: Int, sockets: SocketPoll) {
        guard Self.isLibraryReady, let multi = curl_multi_init() else { return nil }
        self.multi = multi
        self.sockets = sockets
        _ = herd_curl_multi_set_kept_connections(multi, keptConnections)
        let me = Unmanaged.passUnretained(self).toOpaque()
        let codes = [
            herd_curl_multi_set_watch(
                multi,
                { _, socket, what, me, isKnown in
                    guard let me else { return 0 }
                    Unmanaged<TransferLoop>.fromOpaque(me).takeUnretainedValue()
                        .watch(socket, what, isKnown: isKnown != nil)
                    return 0
                }, me),
            herd_curl_multi_set_timer(
                multi,
                { _, milliseconds, me in
                    guard let me else { return 0 }
                    Unmanaged<TransferLoop>.fromOpaque(me).takeUnretainedValue().setTimer(milliseconds)
                    return 0
                }, me),
        ]
        guard codes.allSatisfy({ $0 == CURLM_OK }) else { return nil }
    }

    /// The connections that are kept end here; libcurl may still tell of their sockets.
    deinit {
        curl_multi_cleanup(multi)
    }

    /// The curl thread's life.
    func run(_ core: TransferCore) {
        while true {
            advance(core.takeCommands())
            if isStopping { break }
            core.tell(openTransfers: transfers.count)
            work.waits += 1
            core.wait(waitTime, on: sockets)
            runReadySockets()
            settle()
        }
        endAll()
        core.tell(openTransfers: 0)
    }

    /// Performs commands, and what has become due.
    func advance(_ commands: [TransferCommand]) {
        for command in commands { perform(command) }
        if isStopping { return }
        let now = MonotonicInstant.now
        if curlDue <= now {
            curlDue = .distantFuture
            work.timers += 1
            _ = herd_curl_multi_run_timers(multi)
        }
        settle()
        watchTimes(now: now)
        if closer.due <= now { closer.closeAll() }
    }

    /// The same, and looks at the sockets that are ready, without a wait.
    ///
    /// - Returns: whether callers were given something: then what is over is not tidied up before it advances again, so
    ///   that they can come first.
    func look(_ commands: [TransferCommand]) -> Bool {
        advance(commands)
        if isStopping { return false }
        work.waits += 1
        sockets.wait(.zero)
        runReadySockets()
        publish()
        let hasHandedOver = touched.hasHandedOver
        touched.hasHandedOver = false
        if !hasHandedOver { endFinished() }
        return hasHandedOver
    }

    private func runReadySockets() {
        for ready in sockets.ready {
            work.sockets += 1
            _ = herd_curl_multi_run_socket(multi, ready.socket, ready.actions)
        }
    }

    /// Ends what is open; nothing begins any more.
    func endAll() {
        isStopping = true
        for transfer in Array(transfers.values) {
            transfer.fail(BackendError(.shutDown, "Herd shuts down.", endpoint: transfer.request.endpoint))
            remove(transfer)
        }
        _ = touched.take()
        held = []
        endPruning()
        for alarm in alarms.values { alarm.fire() }
        alarms = [:]
    }

    var openTransfers: Int { transfers.count }

    // MARK: - What libcurl waits for

    private func watch(_ socket: curl_socket_t, _ what: Int32, isKnown: Bool) {
        // Where the kernel does not let it be watched, the time-outs of its transfer end that.
        guard sockets.watch(socket, what, isKnown: isKnown), !isKnown, what != CURL_POLL_REMOVE else { return }
        curl_multi_assign(multi, socket, UnsafeMutableRawPointer(bitPattern: 1))
    }

    private func setTimer(_ milliseconds: Int) {
        switch milliseconds {
        case ..<0: curlDue = .distantFuture
        case 0: curlDue = MonotonicInstant(nanoseconds: 0)
        default: curlDue = MonotonicInstant.now.advanced(by: .milliseconds(milliseconds))
        }
    }

    // MARK: - Commands

    private func perform(_ command: TransferCommand) {
        switch command {
        case .start(let id, let request, let mailbox): start(id, request, mailbox)
        case .cancel(let id): if let transfer = transfers[id] { remove(transfer) }
        case .resume(let id):
            guard let transfer = transfers[id] else { return }
            transfer.resume()
            noteDue(transfer.nextDue)
        case .setAlarm(let id, let instant, let fire):
            alarms[id] = (instant, fire)
            noteDue(instant)
        case .clearAlarm(let id): alarms[id] = nil
        case .tellWork(let tell): tell(work)
        case .stop: isStopping = true
        }
    }

    private func start(_ id: TransferID, _ request: TransferRequest, _ mailbox: TransferMailbox) {
        var use: ConnectionHabits.Use?
        if case .chat = request.purpose { use = habits.began(request.endpoint, at: .now) }
        guard let transfer = ActiveTransfer(id, request, use, mailbox, touched, closer) else {
            let error = BackendError(
                .unreachable, "No transfer to \(request.endpoint) can be made: is there memory left?",
                endpoint: request.endpoint)
            mailbox.publish([], cost: 0, completionBytes: 0, end: .failed(error))
            return
        }
        transfers[id] = transfer
        byHandle[transfer.easy] = transfer
        guard curl_multi_add_handle(multi, transfer.easy) == CURLM_OK else { return end(transfer, CURLE_FAILED_INIT) }
        noteDue(transfer.nextDue)
    }

    // MARK: - Ends

    /// Once libcurl has done what it could: what is over ends, and what came is handed over, all in one go.
    private func settle() {
        endFinished()
        publish()
    }

    private func publish() {
        guard !touched.isEmpty || heldDue != .distantFuture else { return }
        let now = MonotonicInstant.now
        // Those that are touched again meanwhile, because they are resumed, have their turn when the others had theirs.
        for transfer in touched.take() where transfers[transfer.id] != nil {
            if transfer.holdBack(now: now) { held.append(transfer) }
            publish(transfer, now: now)
        }
        guard heldDue <= now else { return }
        let due = held.prefix { $0.publishDue <= now || transfers[$0.id] == nil }
        held.removeFirst(due.count)
        for transfer in due {
            transfer.isHeld = false
            if transfers[transfer.id] != nil { publish(transfer, now: now) }
        }
    }

    private func publish(_ transfer: ActiveTransfer, now: MonotonicInstant) {
        work.looks += 1
        if transfer.publish(now: now) { noteDue(transfer.nextDue) }
        if transfer.hasFailed { end(transfer, CURLE_WRITE_ERROR) }
    }

    /// When the first of those that are held back has waited long enough.
    private var heldDue: MonotonicInstant { held.first?.publishDue ?? .distantFuture }

    private func endFinished() {
        var code = CURLE_OK
        while let easy = herd_curl_multi_next_done(multi, &code) {
            if let transfer = byHandle[easy] {
                end(transfer, code)
            } else if easy == pruning {
                endPruning()
            }
        }
    }

    private func end(_ transfer: ActiveTransfer, _ code: CURLcode) {
        let endpoint = transfer.request.endpoint
        if code == CURLE_OK, let use = transfer.use, let madeConnection = transfer.madeConnection {
            habits.ended(endpoint, use, madeConnection: madeConnection, at: .now)
        } else {
            habits.disturbed(endpoint)
        }
        transfer.end(code)
        remove(transfer)
    }

    /// Closes the connection too, where the answer is not over.
    private func remove(_ transfer: ActiveTransfer) {
        closer.isPatient = !transfer.isUnanswered
        curl_multi_remove_handle(multi, transfer.easy)
        closer.isPatient = true
        byHandle[transfer.easy] = nil
        transfers[transfer.id] = nil
        // Counted from the last, because transfers that come meanwhile do it by themselves.
        let due = MonotonicInstant.now.advanced(by: Self.prunePause)
        pruneDue = due
        noteDue(due)
    }

    // MARK: - Connections

    /// Lets connections go that servers have closed, llama.cpp one after each answer. libcurl does that only when a new
    /// transfer looks for a connection, which may be in an hour; so one looks that will not get any.
    private func beginPruning() {
        guard pruning == nil, let easy = curl_easy_init() else { return }
        pruning = easy
        let codes = [herd_curl_set_rules(easy), herd_curl_set_no_socket(easy), herd_curl_set_proxy(easy, nil)]
        guard codes.allSatisfy({ $0 == CURLE_OK }), herd_curl_set_url(easy, "http://127.0.0.1:9/") == CURLE_OK,
            curl_multi_add_handle(multi, easy) == CURLM_OK
        else { return endPruning() }
    }

    private func endPruning() {
        guard let easy = pruning else { return }
        pruning = nil
        curl_multi_remove_handle(multi, easy)
        curl_easy_cleanup(easy)
    }

    // MARK: - Times

    private func noteDue(_ instant: MonotonicInstant) {
        nextDue = min(nextDue, instant)
    }

    private func watchTimes(now: MonotonicInstant) {
        guard nextDue <= now else { return }
        nextDue = .distantFuture
        work.looks += transfers.count
        for transfer in Array(transfers.values) {
            if transfer.nextDue <= now, transfer.timeOut(now: now) {
                remove(transfer)
            } else {
                noteDue(transfer.nextDue)
            }
        }
        if let due = pruneDue {
            if due <= now {
                pruneDue = nil
                beginPruning()
            } else {
                noteDue(due)
            }
        }
        for (id, alarm) in alarms {
            if alarm.at <= now {
                alarms[id] = nil
                alarm.fire()
            } else {
                noteDue(alarm.at)
            }
        }
    }

    /// When it has to advance again at the latest, whatever the sockets do.
    var due: MonotonicInstant {
        touched.isEmpty ? min(nextDue, curlDue, heldDue, closer.due) : MonotonicInstant(nanoseconds: 0)
    }

    private var waitTime: Duration { min(MonotonicInstant.now.duration(to: due), Self.longestWait) }
}
