import HerdFrames
package import NIOCore

/// What becomes due: deadlines, turns, PINGs, memory to give back.
extension ServerConnection {
    func setTimer() {
        let ending = min(abandonDeadline, min(lingerDeadline, closeDeadline))
        var due = min(min(machine.earliestDeadline, nextTurn), min(helloDeadline, ending))
        if !machine.hasEnded {
            due = min(due, liveness.due(hasCalls: machine.openCalls > 0, isGreeted: !machine.isAwaitingHello))
            if isWarm { due = min(due, liveness.quietAt) }
        }
        timer.wake(at: due, on: eventLoop, self)
    }

    private func timerRang() {
        timer.rang()
        let now = NIODeadline.now()
        if closeDeadline <= now {
            context?.close(promise: nil)
            return
        }
        if nextTurn <= now {
            nextTurn = .distantFuture
            isTurnOver = false
        }
        checkLiveness(at: now)
        if helloDeadline <= now {
            helloDeadline = .distantFuture
            if let reason = machine.helloTimedOut() { end(reason) }
        }
        for (_, call) in machine.expire(at: now) {
            stop(call, CallError(.deadlineExceeded, "the deadline passed before the call was done"))
        }
        if abandonDeadline <= now { abandon { _ in true } }
        if lingerDeadline <= now && unsentBytes > 0 {
            // It still takes answers, or pauses: the drain's own end and keep-alive say how long that may go on.
            lingerDeadline = now + ConnectionLimits.lingerTime
        }
        if lingerDeadline <= now || abandonDeadline <= now { close() }
        flush()
        setTimer()
    }

    private func checkLiveness(at now: NIODeadline) {
        guard !machine.hasEnded else { return }
        // Before anything is concluded from silence.
        let due = liveness.due(hasCalls: machine.openCalls > 0, isGreeted: !machine.isAwaitingHello)
        if due <= now || liveness.isQuiet(at: now) { noteProgress(at: now) }
        while !machine.hasEnded {
            switch liveness.check(at: now, hasCalls: machine.openCalls > 0, isGreeted: !machine.isAwaitingHello) {
            case .none:
                if isWarm && liveness.isQuiet(at: now) { giveMemoryBack() }
                return
            case .ping: ping()
            case .giveUp: end(.halfOpen(after: (limits.keepaliveInterval + limits.keepaliveTimeout).text))
            case .frameOverdue: end(.frameTimeout(after: limits.frameTimeout.text))
            case .sendAway:
                guard let goAway = machine.sendAway(after: limits.idleTimeout.text) else { continue }
                statistics.ended(.idle)
                output.append(goAway.frame)
                part()
            }
        }
    }

    func ping() {
        machine.pinged()
        output.append(Frame(.ping))
    }

    /// How many bytes the system has not taken yet.
    private var unsentBytes: Int {
        (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    /// Notes how much of what was sent the peer's system has taken.
    private func noteProgress(at now: NIODeadline) {
        guard let context else { return }
        let unsent = unsentBytes
        let inFlight = SocketQueue.unacknowledgedBytes(of: context.channel)
        let rest = UInt64(clamping: unsent + inFlight)
        liveness.took(bytes: bytesWritten - min(bytesWritten, rest), rest: rest, at: now)
    }

    /// Bytes were moved: sees to it that the memory they took is given back once it is quiet.
    func warmUp() {
        guard !isWarm else { return }
        isWarm = true
        setTimer()
    }

    /// Gives back what was kept so that the next burst finds it.
    private func giveMemoryBack() {
        isWarm = false
        publishTransfer()
        input.giveMemoryBack()
        output.giveMemoryBack()
        taken = []
        outbox.giveMemoryBack()
        tellOfFreedMemory()
    }

    func tellOfFreedMemory() {
        guard bytesMoved > ConnectionLimits.minimumFreedBytes else { return }
        bytesMoved = 0
        dispatcher.freedMemory()
    }
}

extension ServerConnection: NIOScheduledCallbackHandler {
    package func handleScheduledCallback(eventLoop: some EventLoop) {
        timerRang()
    }
}
