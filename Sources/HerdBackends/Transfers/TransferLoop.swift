import CCurl

/// What the curl thread does, until it is told to stop. Used on that thread only.
final class TransferLoop {
    private let multi: UnsafeMutableRawPointer
    private var transfers: [TransferThread.ID: ActiveTransfer] = [:]
    private var byHandle: [UnsafeMutableRawPointer: ActiveTransfer] = [:]
    private var alarms: [TransferThread.ID: (at: MonotonicInstant, fire: @Sendable () -> Void)] = [:]
    /// No time-out or alarm is due before; what is looked at is O(all), so it is looked at only then.
    private var nextDue = MonotonicInstant.distantFuture
    private var isStopping = false
    private var habits = ConnectionHabits()
    /// When connections that servers have closed are let go.
    private var pruneDue: MonotonicInstant?
    private var pruning: UnsafeMutableRawPointer?

    /// libcurl lets them go at most once a second.
    private static let prunePause = Duration.milliseconds(1500)

    init(multi: UnsafeMutableRawPointer) {
        self.multi = multi
    }

    func run(_ core: TransferCore) {
        var running: Int32 = 0
        while true {
            for command in core.takeCommands(openTransfers: transfers.count) { perform(command) }
            if isStopping { break }
            curl_multi_perform(multi, &running)
            endFinished()
            publish()
            watchTimes(now: .now)
            guard core.beginPolling(openTransfers: transfers.count) else { continue }
            curl_multi_poll(multi, nil, 0, pollMilliseconds(now: .now), nil)
            core.endPolling()
        }
        for transfer in Array(transfers.values) {
            transfer.fail(BackendError(.shutDown, "Herd shuts down.", endpoint: transfer.request.endpoint))
            remove(transfer)
        }
        endPruning()
        for alarm in alarms.values { alarm.fire() }
        alarms = [:]
    }

    // MARK: - Commands

    private func perform(_ command: TransferThread.Command) {
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
        case .stop: isStopping = true
        }
    }

    private func start(_ id: TransferThread.ID, _ request: TransferRequest, _ mailbox: TransferMailbox) {
        var use: ConnectionHabits.Use?
        if case .chat = request.purpose { use = habits.began(request.endpoint, at: .now) }
        guard let transfer = ActiveTransfer(id, request, use, mailbox) else {
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

    private func publish() {
        var failed: [ActiveTransfer] = []
        for transfer in transfers.values {
            if transfer.publish() { noteDue(transfer.nextDue) }
            if transfer.hasFailed { failed.append(transfer) }
        }
        for transfer in failed { end(transfer, CURLE_WRITE_ERROR) }
    }

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
        curl_multi_remove_handle(multi, transfer.easy)
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

    private func pollMilliseconds(now: MonotonicInstant) -> Int32 {
        let seconds = min(now.seconds(to: nextDue), 3600)
        return Int32((seconds * 1000).rounded(.up))
    }
}
